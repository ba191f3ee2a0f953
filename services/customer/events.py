"""What customer publishes, and the events it handles."""

from __future__ import annotations

from typing import Any

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.events import Event, PartiallyHandled
from libs.chassis.money import Money
from services.customer import (
    buying_orders,
    buying_returns,
    customers,
    donating_orders,
    donation_returns,
    order_attempts,
    order_deadlines,
    order_work,
    return_checks,
)
from services.customer.order_work import WorkNews
from services.customer.registry import registry
from services.customer.return_checks import ProductCheck

__all__ = ["registry"]

UNPAID_SALE = "the money of the sale could not be taken"  # in older news, which has no code


@registry.handles("auth.user.registered.v1")
def create_profile(event: Event) -> None:
    data = event.data
    at = clock.parse_rfc3339(event.time)
    customers.register(data["user_id"], data["full_name"], data["consents"], at)


@registry.handles("billing.payment.captured.v1")
def mark_order_paid(event: Event) -> None:
    data = event.data
    captured_at = clock.parse_rfc3339(data["captured_at"])
    how = {"method": data.get("method"), "coins": data.get("coins")}  # older news has neither
    buying_orders.mark_paid(data["order_id"], data["payment_id"], captured_at, how)


@registry.handles("shopping.hold.released.v1")
def follow_lost_hold(event: Event) -> None:
    buying_orders.lose_hold(event.data["order_id"], is_cancelled=event.data["reason"] == "cancelled")


@registry.handles("billing.payment.voided.v1")
def cancel_sale_without_money(event: Event) -> None:
    """The products were sold and the money could not be taken: they are on sale again."""
    data = event.data
    if data.get("reason_code") == "sale_not_paid" or data["reason"] == UNPAID_SALE:
        buying_orders.lose_hold(event.data["order_id"], is_cancelled=True)


# What a door was used for, as the move that it makes of the order.
MOVES_OF_DOORS = {
    ("ship", "bor"): "put_in_box",
    ("pick_up", "bor"): "pick_up",
    ("deposit", "rbo"): "put_in_box",
    ("deposit", "dor"): "deposit",
    ("withdraw", "dor"): "withdraw",
    ("ship", "rdo"): "put_in_box",
    ("pick_up", "rdo"): "take_out",
}


@registry.handles("locker.door.used.v1")
def follow_door(event: Event) -> None:
    order_id = event.data["order_id"]
    name = MOVES_OF_DOORS.get((event.data["purpose"], order_id[:3]))
    if name is not None:
        _happened(order_id, name)


# What work in one of these states means for an order of a kind, as the move that it makes of it.
AT_PACKING = ("assigned", "in_progress")
MOVES_OF_WORK = {
    ("collecting", "dor", "done"): ("collect",),
    ("collecting", "rbo", "done"): ("collect",),
    **{("packing", "rdo", state): ("pack",) for state in (*AT_PACKING, "done")},
    **{("packing", "bor", state): ("begin_packing",) for state in AT_PACKING},
    ("packing", "bor", "done"): ("begin_packing", "finish_packing"),
    **{("shipping", kind, state): ("ship",) for kind in ("rdo", "bor") for state in ("in_progress", "done")},
}


@registry.handles("admin.work_order.state_changed.v1")
def follow_work(event: Event) -> None:
    """Work has orders of many people: one that it comes too early for does not hold the others up."""
    too_early = []
    for order in event.data["orders"]:
        try:
            with session().begin_nested():
                _follow_work_on(order, event.data)
        except LookupError as error:
            too_early.append(str(error))
    if too_early:
        raise PartiallyHandled("; ".join(too_early))


def _follow_work_on(order: dict[str, Any], data: dict[str, Any]) -> None:
    order_id = order["order_id"]
    if order_id.startswith("bor_"):
        order_work.note(order_id, _news_of(data, order["tracking_code"]))
    if (data["kind"], data["state"]) == ("checking", "done"):
        _checked(order, data["result"])
    for name in MOVES_OF_WORK.get((data["kind"], order_id[:3], data["state"]), ()):
        _happened(order_id, name)


def _news_of(data: dict[str, Any], tracking_code: str | None) -> WorkNews:
    told = {name: data[name] for name in ("work_order_id", "kind", "state", "assignee_id", "reason")}
    return WorkNews(**told, tracking_code=tracking_code, at=clock.parse_rfc3339(data["at"]))


def _checked(order: dict[str, Any], result: str) -> None:
    order_id = order["order_id"]
    if order_id.startswith("dor_"):
        donating_orders.checked(order_id, result)
    elif order_id.startswith("rbo_"):
        products = order.get("products", ())  # older news has none
        checks = {one["product_id"]: ProductCheck(one["result"], one["reason"]) for one in products}
        return_checks.checked(order_id, result, checks)


@registry.handles("admin.work.stopped.v1")
def cancel_stopped_order(event: Event) -> None:
    """What a fault between admin's yes and our own row left undone."""
    buying_orders.happened(event.data["order_id"], "cancel")


@registry.handles("admin.return_contact.recorded.v1")
def decide_refund(event: Event) -> None:
    return_checks.decide_refund(event.data["return_id"], Money.from_dict(event.data["refund"]))


@registry.handles("billing.refund.completed.v1")
def show_refund(event: Event) -> None:
    data = event.data
    buying_orders.note_refund(
        data["refund_id"],
        data["order_id"],
        data["return_id"],
        Money.from_dict(data["amount"]),
        data["method"],
        clock.parse_rfc3339(data["made_at"]),
        replaces=data.get("replaces"),  # older news has none
        payment_id=data["payment_id"],
    )
    if data["return_id"] is not None:
        return_checks.refund_made(data["return_id"])


@registry.handles("admin.handover.recorded.v1")
def recycle_donations(event: Event) -> None:
    for order_id in event.data["order_ids"]:
        if order_id.startswith("dor_"):
            _happened(order_id, "recycle")


@registry.handles("billing.fee.paid.v1")
def go_on_with_paid_return(event: Event) -> None:
    if event.data["kind"] == "delivery":
        _happened(event.data["order_id"], "pay")


@registry.handles("shopping.product.published.v1")
def list_donation(event: Event) -> None:
    donation = event.data["donation"]
    if donation is not None:
        donating_orders.product_listed(donation["order_id"], donation["item_id"], event.data["product_id"])


@registry.handles("shopping.product.sold.v1")
def mark_item_sold(event: Event) -> None:
    donation = event.data["donation"]
    if donation is not None:
        product_id = event.data["product_id"]
        stands = buying_returns.sale_stands(event.data["buying_order_id"], product_id)
        donating_orders.product_sold(donation["order_id"], donation["item_id"], product_id, sale_stands=stands)


DOMAINS = {
    "bor": buying_orders.happened,
    "rbo": buying_returns.happened,
    "dor": donating_orders.happened,
    "rdo": donation_returns.happened,
}


def _happened(order_id: str, name: str) -> None:
    DOMAINS[order_id[:3]](order_id, name)


@registry.every(seconds=30)
def expire_returns() -> None:
    order_deadlines.expire_returns()


@registry.every(seconds=30)
def complete_orders() -> None:
    order_deadlines.complete_orders()


@registry.every(seconds=2)
def complete_interrupted_orders() -> None:
    order_attempts.complete_interrupted()


@registry.every(seconds=60)
def watch_pick_ups() -> None:
    order_deadlines.give_time_to_pick_up()
    order_deadlines.remind_of_pick_ups()
    order_deadlines.end_pick_ups()
