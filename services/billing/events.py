"""What billing publishes, the events it handles, and its periodic jobs."""

from __future__ import annotations

from typing import Any

from libs.chassis import clock
from libs.chassis.events import Event
from libs.chassis.money import Money
from services.billing import buying, coins, coupons, donations, ledger_check, payments, reconciliation, settlement
from services.billing.buying import PurchaseMove, ReturnMove
from services.billing.donations import Move
from services.billing.payouts import Sale
from services.billing.registry import registry

__all__ = ["registry"]


@registry.handles("auth.user.registered.v1")
def open_coin_accounts(event: Event) -> None:
    coins.open_accounts(event.data["user_id"])


@registry.handles("shopping.hold.sold.v1")
def capture_payment(event: Event) -> None:
    payments.capture_for(event.data["order_id"])


@registry.handles("shopping.hold.released.v1")
def give_payment_back(event: Event) -> None:
    payments.give_back_for(event.data["order_id"])


@registry.handles("customer.buying_order.state_changed.v1")
def follow_purchase(event: Event) -> None:
    data = event.data
    buying.order_moved(
        PurchaseMove(
            order_id=data["order_id"],
            buyer_id=data["buyer_id"],
            state=data["state"],
            product_ids=data["product_ids"],
            is_first=data["is_first"],
        )
    )


@registry.handles("customer.buying_order.expired.v1")
def end_expired_purchase(event: Event) -> None:
    buying.order_ended(event.data["order_id"])


@registry.handles("customer.buying_order.picked_up_after_end.v1")
def find_taken_after_end(event: Event) -> None:
    buying.taken_after_end(event.data["order_id"])


@registry.handles("customer.buying_return.state_changed.v1")
def follow_purchase_return(event: Event) -> None:
    data = event.data
    buying.return_moved(
        ReturnMove(
            return_id=data["return_id"],
            order_id=data["order_id"],
            state=data["state"],
            product_ids=data["product_ids"],
            refund=Money.from_dict(data["refund"]) if data["refund"] is not None else None,
            good=good_beside_bad(data),
        )
    )


def good_beside_bad(data: dict[str, Any]) -> dict[str, int]:
    """What was good of a return that has bad pieces too, with its price; older news tells of the whole only.

    A return that was given up was paid back whole, whatever its check says later.
    """
    if data["state"] not in ("checked_bad", "refund_decided") or data.get("is_force_cancelled", False):
        return {}
    return {
        item["product_id"]: int(item["price"]["amount"])
        for item in data.get("items", ())
        if item["result"] == "good"
    }


@registry.handles("customer.donating_order.state_changed.v1")
def follow_donation(event: Event) -> None:
    data = event.data
    move = _move(event, data["order_id"])
    donations.donation_moved(move, has_story=data["has_story"], is_first=data["is_first"])


@registry.handles("customer.donation_return.state_changed.v1")
def follow_return(event: Event) -> None:
    donations.return_moved(_move(event, event.data["return_id"]))


def _move(event: Event, order_id: str) -> Move:
    data = event.data
    return Move(
        order_id=order_id,
        donation_id=data["order_id"],
        person_id=data["donor_id"],
        state=data["state"],
        version=event.version,
        at=clock.parse_rfc3339(data["at"]),
    )


@registry.handles("shopping.product.published.v1")
def reward_publishing(event: Event) -> None:
    donation = event.data.get("donation")
    if donation is not None:
        donations.product_published(donation["order_id"])


@registry.handles("shopping.product.sold.v1")
def owe_share(event: Event) -> None:
    data = event.data
    if data["donation"] is not None:
        sale = Sale(data["product_id"], data["buying_order_id"], Money.from_dict(data["price"]))
        donations.product_sold(data["donation"]["order_id"], sale)


@registry.handles("admin.handover.recorded.v1")
def give_coupons(event: Event) -> None:
    donations.handed_over([order_id for order_id in event.data["order_ids"] if order_id.startswith("dor_")])


@registry.every(seconds=0.5)
def settle_payments() -> None:
    settlement.settle_due()


@registry.every(seconds=300)
def reconcile_with_provider() -> None:
    reconciliation.reconcile()


@registry.every(seconds=60)
def expire_coupons() -> None:
    coupons.expire_due()


@registry.every(seconds=600)
def check_ledgers() -> None:
    ledger_check.check_if_due()
