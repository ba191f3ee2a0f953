"""The checks of orders and returns that wait for an event: which domain publishes it, and what ends the wait."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from libs.chassis.consistency import Check, add_checks
from libs.chassis.db import session
from libs.chassis.events import Event, Handler
from libs.chassis.service_client import peer
from services.customer.buying_orders import events as buying_order_events
from services.customer.buying_orders.lifecycle import end_without_hold
from services.customer.buying_orders.tables import BuyingOrder, OrderRefund
from services.customer.buying_returns import events as buying_return_events
from services.customer.buying_returns.tables import BuyingReturn
from services.customer.consistency import descriptions
from services.customer.consistency.queries import (
    Table,
    find_cancelled_without_refund,
    find_donations_to_list,
    find_in_states,
    find_returns_without_refund,
)
from services.customer.donating_orders import events as donating_order_events
from services.customer.donating_orders.tables import DonatingItem, DonatingOrder
from services.customer.donation_returns import events as donation_return_events
from services.customer.donation_returns.tables import DonationReturn
from services.customer.registry import registry

DOOR_HANDLERS: dict[Table, Handler] = {
    BuyingOrder: buying_order_events.apply_door_use_to_buying_order,
    BuyingReturn: buying_return_events.apply_door_use_to_buying_return,
    DonatingOrder: donating_order_events.apply_door_use_to_donating_order,
    DonationReturn: donation_return_events.apply_door_use_to_donation_return,
}
WORK_HANDLERS: dict[Table, Handler] = {
    BuyingOrder: buying_order_events.apply_work_to_buying_orders,
    BuyingReturn: buying_return_events.apply_work_to_buying_returns,
    DonatingOrder: donating_order_events.apply_work_to_donating_orders,
    DonationReturn: donation_return_events.apply_work_to_donation_returns,
}


def _is_new_product(event: Event) -> bool:
    """Whether the item is not known to be on sale; its sale, if any, comes after that."""
    item = session().get(DonatingItem, event.data["donation"]["item_id"])
    return item is not None and item.product_id is None


def _ends_payment(event: Event) -> bool:
    return event.type == "billing.payment.captured.v1" or event.data["reason_code"] == "sale_not_paid"


def _is_refund_of_sale(event: Event) -> bool:
    """Whether it refunds the payment that the order was sold for, not one that another payment replaced."""
    order = session().get(BuyingOrder, event.data["order_id"])
    return order is not None and event.data["return_id"] is None and event.data["payment_id"] == order.payment_id


def _is_new_refund(event: Event) -> bool:
    """Whether the refund is not known. A return can have two; if both are known, another was never requested."""
    return session().get(OrderRefund, event.data["refund_id"]) is None


PAYMENT_CHECKS = (
    Check(
        name="placed_order_with_captured_payment",
        peer=lambda: peer("billing"),
        find=partial(find_in_states, BuyingOrder, ["placed"]),
        handlers={
            "billing.payment.captured.v1": buying_order_events.mark_order_paid,
            "billing.payment.voided.v1": buying_order_events.cancel_unpaid_sale,
        },
        decides=_ends_payment,
        may_be_unknown=True,  # the buyer has not begun to pay
    ),
    Check(
        name="placed_order_without_hold",
        peer=lambda: peer("shopping"),
        find=partial(find_in_states, BuyingOrder, ["placed"]),
        handlers={"shopping.hold.released.v1": buying_order_events.end_order_without_hold},
        unknown=partial(end_without_hold, is_cancelled=False),
    ),
    Check(
        name="cancelled_order_without_refund",
        peer=lambda: peer("billing"),
        find=find_cancelled_without_refund,
        handlers={"billing.refund.completed.v1": buying_order_events.record_refund},
        decides=_is_refund_of_sale,
        resend=descriptions.describe_buying_order,
    ),
    Check(
        name="return_without_refund",
        peer=lambda: peer("billing"),
        find=find_returns_without_refund,
        handlers={"billing.refund.completed.v1": buying_order_events.record_refund},
        decides=_is_new_refund,
        unknown=descriptions.describe_buying_return,
        resend=descriptions.describe_buying_return,
    ),
    Check(
        name="donation_return_without_fee",
        peer=lambda: peer("billing"),
        find=partial(find_in_states, DonationReturn, ["created"]),
        handlers={"billing.fee.paid.v1": donation_return_events.mark_return_paid},
        unknown=descriptions.describe_donation_return,
    ),
)


def _build_work_check(
    table: Table, state: str, kind: str, work_states: Collection[str] = ("done",), **options: Any
) -> Check:
    """Subjects in `state` wait until their work order of this kind is in one of `work_states`."""

    def decides(event: Event) -> bool:
        is_stopped = event.type == "admin.work.stopped.v1"
        return is_stopped or (event.data["kind"] == kind and event.data["state"] in work_states)

    return Check(
        name=f"{table.__tablename__}_{state}_without_{kind}",
        peer=lambda: peer("admin"),
        find=partial(find_in_states, table, [state]),
        handlers={
            "admin.work_order.state_changed.v1": WORK_HANDLERS[table],
            "admin.work.stopped.v1": buying_order_events.cancel_stopped_order,
        },
        decides=decides,
        **options,
    )


STARTED = ("assigned", "in_progress", "done")
SHIPPED = ("in_progress", "done")
WORK_CHECKS = (
    _build_work_check(BuyingOrder, "paid", "packing", STARTED, unknown=descriptions.describe_buying_order),
    _build_work_check(BuyingOrder, "packing", "packing"),
    _build_work_check(BuyingOrder, "packed", "shipping", SHIPPED),
    # Locker collects a location when enough of its boxes are full.
    _build_work_check(BuyingReturn, "in_box", "collecting", may_be_unknown=True),
    _build_work_check(BuyingReturn, "collected", "checking"),
    _build_work_check(DonatingOrder, "deposited", "collecting", may_be_unknown=True),
    _build_work_check(DonatingOrder, "collected", "checking"),
    _build_work_check(DonationReturn, "paid", "packing", STARTED, unknown=descriptions.describe_donation_return),
    _build_work_check(DonationReturn, "packing", "shipping", SHIPPED),
)
DECISION_CHECKS = (
    Check(
        name="good_donation_without_products",
        peer=lambda: peer("shopping"),
        find=find_donations_to_list,
        handlers={
            "shopping.product.published.v1": donating_order_events.list_donation,
            "shopping.product.sold.v1": donating_order_events.mark_item_sold,
        },
        decides=_is_new_product,
    ),
    Check(
        name="bad_return_without_decision",
        peer=lambda: peer("admin"),
        find=partial(find_in_states, BuyingReturn, ["checked_bad"]),
        handlers={"admin.return_contact.recorded.v1": buying_return_events.decide_refund},
    ),
    Check(
        name="bad_donation_without_handover",
        peer=lambda: peer("admin"),
        find=partial(find_in_states, DonatingOrder, ["checked_bad"]),
        handlers={"admin.handover.recorded.v1": donating_order_events.recycle_donations},
    ),
)


def _build_door_check(table: Table, state: str, purpose: str, *, may_be_unknown: bool = False) -> Check:
    """Subjects in `state` wait until a door was used for this purpose."""
    return Check(
        name=f"{table.__tablename__}_{state}_without_{purpose}",
        peer=lambda: peer("locker"),
        find=partial(find_in_states, table, [state]),
        handlers={"locker.door.used.v1": DOOR_HANDLERS[table]},
        decides=lambda event: event.data["purpose"] == purpose,
        may_be_unknown=may_be_unknown,
    )


DOOR_CHECKS = (
    _build_door_check(DonatingOrder, "submitted", "deposit"),
    _build_door_check(DonatingOrder, "cancelling", "withdraw"),
    _build_door_check(BuyingReturn, "created", "deposit"),
    _build_door_check(BuyingOrder, "shipping", "ship", may_be_unknown=True),  # the location is full
    _build_door_check(BuyingOrder, "in_box", "pick_up"),
    _build_door_check(DonationReturn, "shipping", "ship", may_be_unknown=True),
    _build_door_check(DonationReturn, "in_box", "pick_up"),
)
add_checks(registry, *PAYMENT_CHECKS, *WORK_CHECKS, *DECISION_CHECKS, *DOOR_CHECKS)
