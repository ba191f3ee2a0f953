"""Photos of pieces of own drafts."""

from __future__ import annotations

from typing import Any

from libs.chassis.idempotency import stable_id
from libs.chassis.security import principal
from services.customer import donating_orders, donation_photos
from services.customer.models import DonatingItem
from services.customer.schemas import DonationPhotoSchema, DonationUploadSchema


def create_donation_photo_upload(order_id: str, item_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    item = _own_item(order_id, item_id)
    photo = donation_photos.promise(item, stable_id("pho"), body["content_type"], body["size"])
    return dict(DonationUploadSchema().dump(photo)), 201


def complete_donation_photo_upload(order_id: str, item_id: str, photo_id: str) -> dict[str, Any]:
    item = _own_item(order_id, item_id)
    photo = donation_photos.photo_of(item, photo_id)
    donation_photos.complete(item, photo)
    return dict(DonationPhotoSchema().dump(photo))


def remove_donation_photo(order_id: str, item_id: str, photo_id: str) -> tuple[None, int]:
    donation_photos.remove(_own_item(order_id, item_id), photo_id)
    return None, 204


def _own_item(order_id: str, item_id: str) -> DonatingItem:
    order = donating_orders.get_own_draft(order_id, principal().subject)
    return donating_orders.item_of(order, item_id)
