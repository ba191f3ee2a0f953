"""Orders and returns that have waited for an event of another domain for a while."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, and_, func, or_, select

from libs.chassis import clock
from libs.chassis.consistency import stuck_before
from libs.chassis.db import session
from services.customer.buying_orders.tables import BuyingOrder, BuyingOrderTimelineEntry, OrderRefund
from services.customer.buying_returns.tables import BuyingReturn, ReturnedItem
from services.customer.donating_orders.tables import DonatingItem, DonatingOrder
from services.customer.donation_returns.tables import DonationReturn

LISTED_WITHIN = timedelta(days=90)  # after the donation was created; some items are never put on sale
REFUNDED_WITHIN = timedelta(days=30)  # after the order was cancelled
Table = type[BuyingOrder] | type[BuyingReturn] | type[DonatingOrder] | type[DonationReturn]


def _select_page(statement: Select[str], table: Any, after: str, limit: int) -> Sequence[str]:
    return session().scalars(statement.where(table.id > after).order_by(table.id).limit(limit)).all()


def _select_stuck(table: Any, states: Collection[str]) -> Select[str]:
    entered_recently = table.timeline.any(table.timeline.property.mapper.class_.at >= stuck_before())
    return select(table.id).where(table.state.in_(states), ~entered_recently)


def find_in_states(table: Table, states: Collection[str], after: str, limit: int) -> Sequence[str]:
    """Ids of orders or returns that have been in one of these states for a while."""
    return _select_page(_select_stuck(table, states), table, after, limit)


def find_cancelled_without_refund(after: str, limit: int) -> Sequence[str]:
    """Ids of orders that were paid and cancelled, and whose payment has no known refund."""
    refund = select(OrderRefund.id).where(
        OrderRefund.order_id == BuyingOrder.id,
        OrderRefund.return_id.is_(None),
        OrderRefund.payment_id == BuyingOrder.payment_id,
    )
    cancelled = select(BuyingOrderTimelineEntry.order_id).where(
        BuyingOrderTimelineEntry.state == "cancelled",
        BuyingOrderTimelineEntry.at.between(clock.now() - REFUNDED_WITHIN, stuck_before()),
    )
    statement = select(BuyingOrder.id).where(
        BuyingOrder.state == "cancelled",
        BuyingOrder.id.in_(cancelled),
        BuyingOrder.payment_id.is_not(None),
        ~refund.exists(),
    )
    return _select_page(statement, BuyingOrder, after, limit)


def find_returns_without_refund(after: str, limit: int) -> Sequence[str]:
    """Ids of returns that wait for a refund: of the decided amount, or of the good items beside bad ones."""
    good = select(func.sum(ReturnedItem.amount)).where(
        ReturnedItem.return_id == BuyingReturn.id, ReturnedItem.check_result == "good"
    )
    refunded = select(func.coalesce(func.sum(OrderRefund.amount), 0)).where(
        OrderRefund.order_id == BuyingReturn.order_id, OrderRefund.return_id == BuyingReturn.id
    )
    good_is_not_refunded = and_(
        BuyingReturn.state == "checked_bad", good.scalar_subquery() > refunded.scalar_subquery()
    )
    is_decided = BuyingReturn.state.in_(("checked_good", "refund_decided"))
    states = ("checked_good", "checked_bad", "refund_decided")
    statement = _select_stuck(BuyingReturn, states).where(or_(is_decided, good_is_not_refunded))
    return _select_page(statement, BuyingReturn, after, limit)


def find_donations_to_list(after: str, limit: int) -> Sequence[str]:
    """Ids of donations that were checked as good and have an item that is not known to be on sale."""
    unlisted = select(DonatingItem.id).where(
        DonatingItem.order_id == DonatingOrder.id, DonatingItem.product_id.is_(None)
    )
    statement = _select_stuck(DonatingOrder, ("checked_good", "listed")).where(
        DonatingOrder.created_at > clock.now() - LISTED_WITHIN, unlisted.exists()
    )
    return _select_page(statement, DonatingOrder, after, limit)
