"""Donating orders: a donor drafts, submits and cancels own ones, staff read all of them."""

from __future__ import annotations

from typing import Any

from libs.chassis import clock
from libs.chassis.db import unit_of_work
from libs.chassis.idempotency import stable_id
from libs.chassis.security import principal
from services.customer import service_clients
from services.customer.donating_orders import drafts, lifecycle, photos
from services.customer.donating_orders.queries import donating_orders
from services.customer.donating_orders.rules import ID_PREFIX, get_item, needs_box
from services.customer.donating_orders.schemas import (
    DonatingItemSchema,
    DonationPhotoSchema,
    DonationPhotoUploadSchema,
)
from services.customer.donating_orders.tables import DonatingItem


def create_donating_order() -> tuple[dict[str, Any], int, dict[str, str]]:
    order = drafts.create(stable_id(ID_PREFIX), principal().subject)
    return donating_orders.dump(order), 201, {"Location": f"/customer/v1/donating-orders/{order.id}"}


def list_donating_orders(limit: int = 20, cursor: str | None = None, state: str | None = None) -> dict[str, Any]:
    return donating_orders.list_page(limit, cursor, state=state, donor_id=principal().subject)


def get_donating_order(order_id: str) -> dict[str, Any]:
    return donating_orders.dump(donating_orders.get_own(order_id, principal().subject))


def add_donating_item(order_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    order = drafts.get_own(order_id, principal().subject)
    item = drafts.add_item(order, stable_id("dit"), body)
    return dict(DonatingItemSchema().dump(item)), 201


def change_donating_item(order_id: str, item_id: str, body: dict[str, Any]) -> dict[str, Any]:
    item = _get_own_item(order_id, item_id)
    drafts.change_item(item, body)
    return dict(DonatingItemSchema().dump(item))


def remove_donating_item(order_id: str, item_id: str) -> tuple[None, int]:
    order = drafts.get_own(order_id, principal().subject)
    drafts.remove_item(order, item_id)
    return None, 204


def create_donation_photo_upload(order_id: str, item_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    item = _get_own_item(order_id, item_id)
    photo = photos.announce(item, stable_id("pho"), body["content_type"], body["size"])
    return dict(DonationPhotoUploadSchema().dump(photo)), 201


def complete_donation_photo_upload(order_id: str, item_id: str, photo_id: str) -> dict[str, Any]:
    item = _get_own_item(order_id, item_id)
    photo = photos.get_photo(item, photo_id)
    photos.complete(item, photo)
    return dict(DonationPhotoSchema().dump(photo))


def remove_donation_photo(order_id: str, item_id: str, photo_id: str) -> tuple[None, int]:
    photos.remove(_get_own_item(order_id, item_id), photo_id)
    return None, 204


def submit_donating_order(order_id: str, body: dict[str, Any]) -> dict[str, Any]:
    donor_id, location_id = principal().subject, body["location_id"]
    # Ends before locker is called, so that nothing is locked meanwhile.
    with unit_of_work(reads_only=True):
        order = donating_orders.get_own(order_id, donor_id)
        if not needs_box(order, location_id, clock.now()):
            return donating_orders.dump(order)
    hold = service_clients.hold_box(order_id, donor_id, location_id)
    order = donating_orders.get_own(order_id, donor_id, locked=True)
    lifecycle.submit(order, hold)
    return donating_orders.dump(order)


def cancel_donating_order(order_id: str) -> dict[str, Any]:
    order = donating_orders.get_own(order_id, principal().subject, locked=True)
    lifecycle.cancel(order)
    return donating_orders.dump(order)


def list_all_donating_orders(
    limit: int = 20, cursor: str | None = None, state: str | None = None, donor_id: str | None = None
) -> dict[str, Any]:
    return donating_orders.list_page(limit, cursor, state=state, donor_id=donor_id)


def get_any_donating_order(order_id: str) -> dict[str, Any]:
    return donating_orders.dump(donating_orders.get(order_id))


def _get_own_item(order_id: str, item_id: str) -> DonatingItem:
    return get_item(drafts.get_own(order_id, principal().subject), item_id)
