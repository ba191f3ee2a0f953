"""How much customers buy and donate (stories mf-eu-05, mf-eu-06)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select

from libs.chassis.db import session
from libs.chassis.problems import NotFound, Unprocessable
from services.customer.buying_orders.tables import BuyingOrder
from services.customer.donating_orders.tables import DonatingItem, DonatingOrder
from services.customer.profile.tables import Customer

TOP = 10
# Orders in these states do not count in the rankings.
NOT_BOUGHT = ("cancelled", "expired")
NOT_DONATED = ("draft", "submitted", "cancelling", "cancelled", "returned")


def require_period(since: datetime, until: datetime) -> None:
    """Unprocessable when the period from `since` until before `until` ends before it begins."""
    if until <= since:
        detail = "the period has to end after it begins"
        raise Unprocessable(detail, errors=[{"pointer": "query/until", "detail": detail}])


def count_orders(customer_id: str) -> dict[str, Any]:
    """A customer's buying and donating orders by state. NotFound."""
    if session().get(Customer, customer_id) is None:
        raise NotFound
    buying = select(BuyingOrder.state, func.count()).where(BuyingOrder.buyer_id == customer_id)
    donating = select(DonatingOrder.state, func.count()).where(DonatingOrder.donor_id == customer_id)
    return {
        "customer_id": customer_id,
        "buying_orders": _count_by_state(buying.group_by(BuyingOrder.state)),
        "donating_orders": _count_by_state(donating.group_by(DonatingOrder.state)),
    }


def _count_by_state(statement: Select[str, int]) -> dict[str, Any]:
    return add_total({row[0]: row[1] for row in session().execute(statement)})


def add_total(counts: dict[str, int]) -> dict[str, Any]:
    """Counts of orders by state, with their sum."""
    return {"total": sum(counts.values()), "by_state": counts}


def find_top_buyers(since: datetime, until: datetime) -> list[Row[Any]]:
    """The buyers with most orders that were paid in the period, then those who paid most. Unprocessable."""
    require_period(since, until)
    orders, amount = func.count(), func.sum(BuyingOrder.total_amount)
    statement = (
        select(
            BuyingOrder.buyer_id.label("customer_id"),
            func.max(Customer.full_name).label("full_name"),
            orders.label("orders"),
            amount.label("amount"),
            BuyingOrder.currency,
        )
        .outerjoin(Customer, Customer.id == BuyingOrder.buyer_id)
        .where(
            BuyingOrder.paid_at >= since,
            BuyingOrder.paid_at < until,
            BuyingOrder.state.not_in(NOT_BOUGHT),
        )
        .group_by(BuyingOrder.buyer_id, BuyingOrder.currency)
        .order_by(orders.desc(), amount.desc(), BuyingOrder.buyer_id)
    )
    return list(session().execute(statement.limit(TOP)))


def find_top_donors(since: datetime, until: datetime) -> list[Row[Any]]:
    """The donors with most deposited donations of the period, then those with most items. Unprocessable."""
    require_period(since, until)
    orders, pieces = func.count(DonatingOrder.id.distinct()), func.count(DonatingItem.id)
    statement = (
        select(
            DonatingOrder.donor_id.label("customer_id"),
            func.max(Customer.full_name).label("full_name"),
            orders.label("orders"),
            pieces.label("pieces"),
        )
        .join(DonatingItem, DonatingItem.order_id == DonatingOrder.id)
        .outerjoin(Customer, Customer.id == DonatingOrder.donor_id)
        .where(
            DonatingOrder.created_at >= since,
            DonatingOrder.created_at < until,
            DonatingOrder.state.not_in(NOT_DONATED),
        )
        .group_by(DonatingOrder.donor_id)
        .order_by(orders.desc(), pieces.desc(), DonatingOrder.donor_id)
    )
    return list(session().execute(statement.limit(TOP)))
