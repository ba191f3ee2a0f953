"""Lists of orders, newest first: a customer's own, or all of them for staff."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from libs.chassis.pagination import page
from services.customer.models import BuyingOrder, DonatingItem, DonatingOrder, ReturnDonatingOrder
from services.customer.schemas import BuyingOrderSchema, DonatingOrderSchema, DonationReturnSchema


def page_of_orders(limit: int, cursor: str | None, state: str | None, buyer_id: str | None) -> dict[str, Any]:
    wanted = select(BuyingOrder).options(selectinload(BuyingOrder.items), selectinload(BuyingOrder.timeline))
    if buyer_id is not None:
        wanted = wanted.where(BuyingOrder.buyer_id == buyer_id)
    if state is not None:
        wanted = wanted.where(BuyingOrder.state == state)
    newest_first: Any = [(BuyingOrder.placed_at, "desc"), (BuyingOrder.id, "desc")]
    dump = BuyingOrderSchema().dump
    return page(wanted, order_by=newest_first, limit=limit, cursor=cursor, dump=dump)


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
