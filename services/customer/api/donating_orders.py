"""Own donations: drafting, submitting, cancelling."""

from __future__ import annotations

from typing import Any

from libs.chassis.db import unit_of_work
from libs.chassis.idempotency import stable_id
from libs.chassis.security import principal
from services.customer import donating_orders, neighbours
from services.customer.models import DonatingOrder
from services.customer.order_pages import page_of_donations
from services.customer.schemas import DonatingItemSchema, DonatingOrderSchema


def create_donating_order() -> tuple[dict[str, Any], int, dict[str, str]]:
    order = donating_orders.draft(stable_id("dor"), principal().subject)
    return _shown(order), 201, {"Location": f"/customer/v1/donating-orders/{order.id}"}


def list_donating_orders(limit: int = 20, cursor: str | None = None, state: str | None = None) -> dict[str, Any]:
    return page_of_donations(limit, cursor, state, principal().subject)


def get_donating_order(order_id: str) -> dict[str, Any]:
    return _shown(donating_orders.get_own(order_id, principal().subject))


def add_donating_item(order_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    order = donating_orders.get_own_draft(order_id, principal().subject)
    item = donating_orders.add_item(order, stable_id("dit"), body)
    return dict(DonatingItemSchema().dump(item)), 201


def change_donating_item(order_id: str, item_id: str, body: dict[str, Any]) -> dict[str, Any]:
    item = donating_orders.item_of(donating_orders.get_own_draft(order_id, principal().subject), item_id)
    donating_orders.change_item(item, body)
    return dict(DonatingItemSchema().dump(item))


def remove_donating_item(order_id: str, item_id: str) -> tuple[None, int]:
    order = donating_orders.get_own_draft(order_id, principal().subject)
    donating_orders.remove_item(order, item_id)
    return None, 204


def submit_donating_order(order_id: str, body: dict[str, Any]) -> dict[str, Any]:
    donor_id, location_id = principal().subject, body["location_id"]
    with unit_of_work(reads_only=True):  # ended before locker is asked, so that nothing is locked meanwhile
        order = donating_orders.get_own(order_id, donor_id)
        if not donating_orders.needs_box(order, location_id):
            return _shown(order)
    hold = neighbours.hold_box(order_id, donor_id, location_id)
    order = donating_orders.get_own(order_id, donor_id, locked=True)
    donating_orders.submit(order, hold)
    return _shown(order)


def cancel_donating_order(order_id: str) -> dict[str, Any]:
    order = donating_orders.get_own(order_id, principal().subject, locked=True)
    donating_orders.cancel(order)
    return _shown(order)


def _shown(order: DonatingOrder) -> dict[str, Any]:
    return dict(DonatingOrderSchema().dump(order))
