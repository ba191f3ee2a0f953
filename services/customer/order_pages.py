"""Lists of orders, newest first: a customer's own, or all of them for staff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from libs.chassis.pagination import page
from services.customer import buying_orders, buying_returns
from services.customer.models import (
    BuyingOrder,
    DonatingItem,
    DonatingOrder,
    ReturnBuyingOrder,
    ReturnDonatingOrder,
)
from services.customer.schemas import (
    BuyingOrderSchema,
    BuyingReturnSchema,
    DonatingOrderSchema,
    DonationReturnSchema,
)

ORDERS_SORTED: dict[str, Any] = {
    "newest": [(BuyingOrder.placed_at, "desc"), (BuyingOrder.id, "desc")],
    "oldest": [(BuyingOrder.placed_at, "asc"), (BuyingOrder.id, "asc")],
    "total_desc": [(BuyingOrder.total_amount, "desc"), (BuyingOrder.id, "desc")],
    "total_asc": [(BuyingOrder.total_amount, "asc"), (BuyingOrder.id, "asc")],
}
RETURNS_SORTED: dict[str, Any] = {
    "newest": [(ReturnBuyingOrder.created_at, "desc"), (ReturnBuyingOrder.id, "desc")],
    "oldest": [(ReturnBuyingOrder.created_at, "asc"), (ReturnBuyingOrder.id, "asc")],
}


@dataclass(frozen=True)
class OrderFilter:
    """Which buying orders; None is any."""

    state: str | None = None
    buyer_id: str | None = None
    pickup_location_id: str | None = None
    placed_from: datetime | None = None
    placed_before: datetime | None = None

    def applied_to(self, wanted: Select[Any]) -> Select[Any]:
        equal = (
            (BuyingOrder.state, self.state),
            (BuyingOrder.buyer_id, self.buyer_id),
            (BuyingOrder.pickup_location_id, self.pickup_location_id),
        )
        wanted = wanted.where(*(column == value for column, value in equal if value is not None))
        if self.placed_from is not None:
            wanted = wanted.where(BuyingOrder.placed_at >= self.placed_from)
        if self.placed_before is not None:
            wanted = wanted.where(BuyingOrder.placed_at < self.placed_before)
        return wanted


def page_of_orders(limit: int, cursor: str | None, which: OrderFilter, sort: str = "newest") -> dict[str, Any]:
    wanted = which.applied_to(select(BuyingOrder).options(*buying_orders.PARTS))
    dump = BuyingOrderSchema().dump
    return page(wanted, order_by=ORDERS_SORTED[sort], limit=limit, cursor=cursor, dump=dump)


@dataclass(frozen=True)
class ReturnFilter:
    """Which returns of purchases; None is any."""

    state: str | None = None
    buyer_id: str | None = None
    order_id: str | None = None


def page_of_buying_returns(
    limit: int, cursor: str | None, which: ReturnFilter, sort: str = "newest"
) -> dict[str, Any]:
    equal = (
        (ReturnBuyingOrder.state, which.state),
        (ReturnBuyingOrder.buyer_id, which.buyer_id),
        (ReturnBuyingOrder.order_id, which.order_id),
    )
    wanted = select(ReturnBuyingOrder).options(*buying_returns.WHOLE)
    wanted = wanted.where(*(column == value for column, value in equal if value is not None))
    dump = BuyingReturnSchema().dump
    return page(wanted, order_by=RETURNS_SORTED[sort], limit=limit, cursor=cursor, dump=dump)


def page_of_donations(limit: int, cursor: str | None, state: str | None, donor_id: str | None) -> dict[str, Any]:
    wanted = select(DonatingOrder).options(
        selectinload(DonatingOrder.items).selectinload(DonatingItem.photos), selectinload(DonatingOrder.timeline)
    )
    if donor_id is not None:
        wanted = wanted.where(DonatingOrder.donor_id == donor_id)
    if state is not None:
        wanted = wanted.where(DonatingOrder.state == state)
    newest_first: Any = [(DonatingOrder.created_at, "desc"), (DonatingOrder.id, "desc")]
    dump = DonatingOrderSchema().dump
    return page(wanted, order_by=newest_first, limit=limit, cursor=cursor, dump=dump)


def page_of_donation_returns(
    limit: int, cursor: str | None, state: str | None, donor_id: str | None
) -> dict[str, Any]:
    wanted = select(ReturnDonatingOrder).options(selectinload(ReturnDonatingOrder.timeline))
    if donor_id is not None:
        wanted = wanted.where(ReturnDonatingOrder.donor_id == donor_id)
    if state is not None:
        wanted = wanted.where(ReturnDonatingOrder.state == state)
    newest_first: Any = [(ReturnDonatingOrder.created_at, "desc"), (ReturnDonatingOrder.id, "desc")]
    dump = DonationReturnSchema().dump
    return page(wanted, order_by=newest_first, limit=limit, cursor=cursor, dump=dump)
