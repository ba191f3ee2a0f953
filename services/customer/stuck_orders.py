"""Orders and returns that wait for an event of another domain: which, of whom, and what ends their state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Select, select

from libs.chassis import clock
from libs.chassis.consistency import Check, stuck_before
from libs.chassis.db import session
from libs.chassis.events import Event
from libs.chassis.peers import Peer, peer
from services.customer import buying_orders, buying_returns, events
from services.customer.models import (
    BuyingOrder,
    BuyingReturnTimelineEntry,
    DonatingOrder,
    DonatingTimelineEntry,
    OrderRefund,
    OrderTimelineEntry,
    ReturnBuyingOrder,
    ReturnDonatingOrder,
    ReturnTimelineEntry,
)

REFUNDED_WITHIN = timedelta(days=30)  # after the order was placed
Model = type[BuyingOrder] | type[ReturnBuyingOrder] | type[DonatingOrder] | type[ReturnDonatingOrder]
TIMELINES: dict[Any, tuple[Any, Any]] = {
    BuyingOrder: (OrderTimelineEntry.order_id, OrderTimelineEntry.at),
    ReturnBuyingOrder: (BuyingReturnTimelineEntry.return_id, BuyingReturnTimelineEntry.at),
    DonatingOrder: (DonatingTimelineEntry.order_id, DonatingTimelineEntry.at),
    ReturnDonatingOrder: (ReturnTimelineEntry.return_id, ReturnTimelineEntry.at),
}


def _page(statement: Select[str], model: Any, after: str, limit: int) -> Sequence[str]:
    return session().scalars(statement.where(model.id > after).order_by(model.id).limit(limit)).all()


def in_states(model: Model, states: Collection[str], after: str, limit: int) -> Sequence[str]:
    """Ids of orders or returns in one of these states, into which they did not come just now."""
    key, moved_at = TIMELINES[model]
    moved_now = select(key).where(key == model.id, moved_at >= stuck_before())
    return _page(select(model.id).where(model.state.in_(states), ~moved_now.exists()), model, after, limit)


def without_refund(after: str, limit: int) -> Sequence[str]:
    """Orders that were paid and cancelled, and of which no refund is known."""
    refund = select(OrderRefund.id).where(OrderRefund.order_id == BuyingOrder.id, OrderRefund.return_id.is_(None))
    cancelled_now = select(OrderTimelineEntry.id).where(
        OrderTimelineEntry.order_id == BuyingOrder.id, OrderTimelineEntry.at >= stuck_before()
    )
    statement = select(BuyingOrder.id).where(
        BuyingOrder.state == "cancelled",
        BuyingOrder.placed_at > clock.now() - REFUNDED_WITHIN,
        BuyingOrder.payment_id.is_not(None),
        ~refund.exists(),
        ~cancelled_now.exists(),
    )
    return _page(statement, BuyingOrder, after, limit)


def _ends_payment(event: Event) -> bool:
    return event.type == "billing.payment.captured.v1" or event.data["reason_code"] == "sale_not_paid"


def _is_whole_refund(event: Event) -> bool:
    return event.data["return_id"] is None


def expire(order_id: str) -> None:
    """Nothing is held for the order."""
    buying_orders.lose_hold(order_id, is_cancelled=False)


def announce_again(order_id: str) -> None:
    """Publish the last move of a buying order once more."""
    buying_orders.announce_again(buying_orders.get(order_id))


def announce_return_again(return_id: str) -> None:
    """Publish the last move of the return of a purchase once more."""
    found = buying_returns.get(return_id)
    buying_returns.announce(found, found.timeline[-2].state)


def _billing() -> Peer:
    return peer("billing")


def _admin() -> Peer:
    return peer("admin")


def _locker() -> Peer:
    return peer("locker")


OF_MONEY = (
    Check(
        name="placed_order_with_taken_payment",
        peer=_billing,
        find=partial(in_states, BuyingOrder, ["placed"]),
        handlers={
            "billing.payment.captured.v1": events.mark_order_paid,
            "billing.payment.voided.v1": events.cancel_sale_without_money,
        },
        decides=_ends_payment,
        may_be_unknown=True,  # the buyer has not begun to pay
    ),
    Check(
        name="placed_order_without_hold",
        peer=lambda: peer("shopping"),
        find=partial(in_states, BuyingOrder, ["placed"]),
        handlers={"shopping.hold.released.v1": events.follow_lost_hold},
        unknown=expire,
    ),
    Check(
        name="cancelled_order_without_refund",
        peer=_billing,
        find=without_refund,
        handlers={"billing.refund.made.v1": events.show_refund},
        decides=_is_whole_refund,
        resend=announce_again,
    ),
    Check(
        name="return_without_refund",
        peer=_billing,
        find=partial(in_states, ReturnBuyingOrder, ["checked_good", "refund_decided"]),
        handlers={"billing.refund.made.v1": events.show_refund},
        unknown=announce_return_again,
    ),
)


def _is_work(kind: str, states: Collection[str]) -> Callable[[Event], bool]:
    return lambda event: event.data["kind"] == kind and event.data["state"] in states


def _waits_for_work(
    model: Model, state: str, kind: str, work_states: Collection[str] = ("done",), **more: Any
) -> Check:
    return Check(
        name=f"{model.__tablename__}_{state}_without_{kind}",
        peer=_admin,
        find=partial(in_states, model, [state]),
        handlers={"admin.work_order.moved.v1": events.follow_work},
        decides=_is_work(kind, work_states),
        **more,
    )


AT_WORK = (*events.AT_PACKING, "done")
SHIPPED = ("in_progress", "done")
OF_WORK = (
    _waits_for_work(BuyingOrder, "paid", "packing", AT_WORK, unknown=announce_again),
    _waits_for_work(BuyingOrder, "packing", "packing"),
    _waits_for_work(BuyingOrder, "packed", "shipping", SHIPPED),
    _waits_for_work(ReturnBuyingOrder, "in_box", "collecting", may_be_unknown=True),  # locker waits for more
    _waits_for_work(ReturnBuyingOrder, "collected", "checking"),
    _waits_for_work(DonatingOrder, "deposited", "collecting", may_be_unknown=True),
    _waits_for_work(DonatingOrder, "collected", "checking"),
)


def _waits_for_door(model: Model, state: str, purpose: str, *, may_be_unknown: bool = False) -> Check:
    return Check(
        name=f"{model.__tablename__}_{state}_without_{purpose}",
        peer=_locker,
        find=partial(in_states, model, [state]),
        handlers={"locker.door.used.v1": events.follow_door},
        decides=lambda event: event.data["purpose"] == purpose,
        may_be_unknown=may_be_unknown,
    )


OF_DOORS = (
    _waits_for_door(DonatingOrder, "submitted", "deposit"),
    _waits_for_door(DonatingOrder, "cancelling", "withdraw"),
    _waits_for_door(ReturnBuyingOrder, "created", "deposit"),
    _waits_for_door(BuyingOrder, "shipping", "ship", may_be_unknown=True),  # its location is full
    _waits_for_door(BuyingOrder, "in_box", "pick_up"),
    _waits_for_door(ReturnDonatingOrder, "shipping", "ship", may_be_unknown=True),
    _waits_for_door(ReturnDonatingOrder, "in_box", "pick_up"),
)
CHECKS = (*OF_MONEY, *OF_WORK, *OF_DOORS)
