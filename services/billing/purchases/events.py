"""The events of buying orders, of their returns and of their holds."""

from __future__ import annotations

from libs.chassis.event_types import (
    BuyingOrderExpired,
    BuyingOrderPickedUpAfterEnd,
    BuyingOrderStateChanged,
    BuyingReturnStateChanged,
    HoldReleased,
    HoldSold,
)
from libs.chassis.events import Event
from libs.chassis.money import Money
from services.billing.payments import lifecycle
from services.billing.purchases import returns, sales
from services.billing.purchases.returns import PurchaseReturn
from services.billing.purchases.rules import select_good_products
from services.billing.purchases.store import lock_purchase
from services.billing.registry import registry


@registry.handles("shopping.hold.sold.v1")
def capture_payment(event: Event[HoldSold]) -> None:
    sales.capture_payment(event.data["order_id"])


@registry.handles("shopping.hold.released.v1")
def release_payment(event: Event[HoldReleased]) -> None:
    lifecycle.release_live_payment(event.data["order_id"])


@registry.handles("customer.buying_order.state_changed.v1")
def follow_order(event: Event[BuyingOrderStateChanged]) -> None:
    """Refund a cancelled order; reward a picked-up one; owe donors their shares of a completed one."""
    data = event.data
    if data["state"] == "cancelled":
        sales.end_purchase(data["order_id"])
    elif data["state"] in ("picked_up", "completed"):
        purchase = lock_purchase(data["order_id"])
        sales.reward_pick_up(purchase, data["buyer_id"], is_first=data["is_first"])
        returns.take_rewards_back(purchase, data["buyer_id"])
        if data["state"] == "completed":
            sales.complete_purchase(purchase, data["product_ids"])


@registry.handles("customer.buying_order.expired.v1")
def end_expired_order(event: Event[BuyingOrderExpired]) -> None:
    sales.end_purchase(event.data["order_id"])


@registry.handles("customer.buying_order.picked_up_after_end.v1")
def report_pick_up_after_end(event: Event[BuyingOrderPickedUpAfterEnd]) -> None:
    sales.report_pick_up_after_end(event.data["order_id"])


@registry.handles("customer.buying_return.state_changed.v1")
def follow_return(event: Event[BuyingReturnStateChanged]) -> None:
    data = event.data
    good = select_good_products(data["state"], data["items"], is_fully_refunded=data["is_force_cancelled"])
    returns.refund_return(
        PurchaseReturn(
            return_id=data["return_id"],
            order_id=data["order_id"],
            state=data["state"],
            product_ids=data["product_ids"],
            refund=Money.from_dict(data["refund"]) if data["refund"] is not None else None,
            good_products=good,
        )
    )
