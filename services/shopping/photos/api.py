"""Photos of a product, for staff."""

from __future__ import annotations

from typing import Any

from libs.chassis.etags import etag_of, require_match
from libs.chassis.idempotency import stable_id
from services.shopping.photos import photo_changes
from services.shopping.photos.schemas import PhotoSchema, UploadTicketSchema
from services.shopping.products.product_store import get_product
from services.shopping.products.schemas import InventoryProductSchema


def create_photo_upload(product_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    ticket = photo_changes.create_upload(product_id, stable_id("pho"), body["content_type"], body["size"])
    return dict(UploadTicketSchema().dump(ticket)), 201


def complete_photo_upload(product_id: str, photo_id: str) -> dict[str, Any]:
    return dict(PhotoSchema().dump(photo_changes.complete_upload(product_id, photo_id)))


def reorder_photos(product_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    product = get_product(product_id)
    require_match(product.version)
    changed = photo_changes.reorder_photos(product, body["photo_ids"])
    return dict(InventoryProductSchema().dump(changed)), 200, {"ETag": etag_of(changed.version)}


def remove_photo(product_id: str, photo_id: str) -> tuple[None, int]:
    photo_changes.remove_photo(product_id, photo_id)
    return None, 204
