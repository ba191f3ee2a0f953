"""Orders and returns that wait for an event of another domain: which, of whom, and what ends their state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Select, and_, func, or_, select

from libs.chassis import clock
from libs.chassis.consistency import Check, stuck_before
from libs.chassis.db import session
from libs.chassis.events import Event
from libs.chassis.service_client import Peer, peer
from services.customer import buying_orders, buying_returns, donation_returns, events
from services.customer.models import (
    BuyingOrder,
    BuyingReturnTimelineEntry,
    DonatingItem,
    DonatingOrder,
    DonatingTimelineEntry,
    OrderRefund,
    OrderTimelineEntry,
    ReturnBuyingOrder,
    ReturnDonatingOrder,
    ReturnedItem,
    ReturnTimelineEntry,
)

LISTED_WITHIN = timedelta(days=90)  # after the donation was begun; some pieces are never offered
REFUNDED_WITHIN = timedelta(days=30)  # after the order was cancelled
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
    return _page(_waiting(model, states), model, after, limit)


def _waiting(model: Model, states: Collection[str]) -> Select[str]:
    key, moved_at = TIMELINES[model]
    moved_now = select(key).where(key == model.id, moved_at >= stuck_before())
    return select(model.id).where(model.state.in_(states), ~moved_now.exists())


def without_refund(after: str, limit: int) -> Sequence[str]:
    """Orders that were paid and cancelled, and of whose payment no refund is known."""
    refund = select(OrderRefund.id).where(
        OrderRefund.order_id == BuyingOrder.id,
        OrderRefund.return_id.is_(None),
        OrderRefund.payment_id == BuyingOrder.payment_id,
    )
    cancelled = select(OrderTimelineEntry.order_id).where(
        OrderTimelineEntry.state == "cancelled",
        OrderTimelineEntry.at.between(clock.now() - REFUNDED_WITHIN, stuck_before()),
    )
    statement = select(BuyingOrder.id).where(
        BuyingOrder.state == "cancelled",
        BuyingOrder.id.in_(cancelled),
        BuyingOrder.payment_id.is_not(None),
        ~refund.exists(),
    )
    return _page(statement, BuyingOrder, after, limit)


def returns_without_refund(after: str, limit: int) -> Sequence[str]:
    """Returns that wait for a refund: of all that was decided, or of the good pieces beside bad ones."""
    good = select(func.sum(ReturnedItem.amount)).where(
        ReturnedItem.return_id == ReturnBuyingOrder.id, ReturnedItem.check_result == "good"
    )
    given = select(func.coalesce(func.sum(OrderRefund.amount), 0)).where(
        OrderRefund.order_id == ReturnBuyingOrder.order_id, OrderRefund.return_id == ReturnBuyingOrder.id
    )
    is_good_missing = and_(
        ReturnBuyingOrder.state == "checked_bad", good.scalar_subquery() > given.scalar_subquery()
    )
    is_missing = or_(ReturnBuyingOrder.state.in_(("checked_good", "refund_decided")), is_good_missing)
    states = ("checked_good", "checked_bad", "refund_decided")
    return _page(_waiting(ReturnBuyingOrder, states).where(is_missing), ReturnBuyingOrder, after, limit)


def donations_to_list(after: str, limit: int) -> Sequence[str]:
    """Donations with a piece that was checked as good, and is not known to be on sale."""
    unlisted = select(DonatingItem.id).where(
        DonatingItem.order_id == DonatingOrder.id, DonatingItem.product_id.is_(None)
    )
    statement = _waiting(DonatingOrder, ("checked_good", "listed")).where(
        DonatingOrder.created_at > clock.now() - LISTED_WITHIN, unlisted.exists()
    )
    return _page(statement, DonatingOrder, after, limit)


def _is_new_product(event: Event) -> bool:
    """Whether the piece is not known to be on sale; its sale, if any, comes after that."""
    item = session().get(DonatingItem, event.data["donation"]["item_id"])
    return item is not None and item.product_id is None


def _ends_payment(event: Event) -> bool:
    return event.type == "billing.payment.captured.v1" or event.data["reason_code"] == "sale_not_paid"


def _is_refund_of_sale(event: Event) -> bool:
    """Whether it is of the payment that the order was sold for, not of one that another payment replaced."""
    order = session().get(BuyingOrder, event.data["order_id"])
    return order is not None and event.data["return_id"] is None and event.data["payment_id"] == order.payment_id


def _is_new_refund(event: Event) -> bool:
    """A return can have two refunds. When those of billing are all known, another one was never requested."""
    return session().get(OrderRefund, event.data["refund_id"]) is None


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


def announce_donation_return_again(return_id: str) -> None:
    """Publish the last move of the return of a donation once more."""
    found = donation_returns.find(return_id)
    if found is not None:
        donation_returns.announce(found, found.timeline[-2].state if len(found.timeline) > 1 else None)


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
        handlers={"billing.refund.completed.v1": events.show_refund},
        decides=_is_refund_of_sale,
        resend=announce_again,
    ),
    Check(
        name="return_without_refund",
        peer=_billing,
        find=returns_without_refund,
        handlers={"billing.refund.completed.v1": events.show_refund},
        decides=_is_new_refund,
        unknown=announce_return_again,
        resend=announce_return_again,
    ),
    Check(
        name="donation_return_without_fee",
        peer=_billing,
        find=partial(in_states, ReturnDonatingOrder, ["created"]),
        handlers={"billing.fee.paid.v1": events.go_on_with_paid_return},
        unknown=announce_donation_return_again,
    ),
)


def _is_work(kind: str, states: Collection[str]) -> Callable[[Event], bool]:
    return lambda event: event.data["kind"] == kind and event.data["state"] in states


def _waits_for_work(
    model: Model, state: str, kind: str, work_states: Collection[str] = ("done",), **more: Any
) -> Check:
    is_work = _is_work(kind, work_states)
    return Check(
        name=f"{model.__tablename__}_{state}_without_{kind}",
        peer=_admin,
        find=partial(in_states, model, [state]),
        handlers={
            "admin.work_order.state_changed.v1": events.follow_work,
            "admin.work.stopped.v1": events.cancel_stopped_order,
        },
        decides=lambda event: event.type == "admin.work.stopped.v1" or is_work(event),
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
    _waits_for_work(ReturnDonatingOrder, "paid", "packing", AT_WORK, unknown=announce_donation_return_again),
    _waits_for_work(ReturnDonatingOrder, "packing", "shipping", SHIPPED),
)
OF_DECISIONS = (
    Check(
        name="good_donation_without_products",
        peer=lambda: peer("shopping"),
        find=donations_to_list,
        handlers={
            "shopping.product.published.v1": events.list_donation,
            "shopping.product.sold.v1": events.mark_item_sold,
        },
        decides=_is_new_product,
    ),
    Check(
        name="bad_return_without_decision",
        peer=_admin,
        find=partial(in_states, ReturnBuyingOrder, ["checked_bad"]),
        handlers={"admin.return_contact.recorded.v1": events.decide_refund},
    ),
    Check(
        name="bad_donation_without_hand_over",
        peer=_admin,
        find=partial(in_states, DonatingOrder, ["checked_bad"]),
        handlers={"admin.handover.recorded.v1": events.recycle_donations},
    ),
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
CHECKS = (*OF_MONEY, *OF_WORK, *OF_DECISIONS, *OF_DOORS)
