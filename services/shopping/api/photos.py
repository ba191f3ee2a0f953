"""Photos of a product."""

from __future__ import annotations

from typing import Any

from libs.chassis.etags import etag_of, require_match
from libs.chassis.idempotency import stable_id
from services.shopping import photos
from services.shopping.inventory import get_product
from services.shopping.schemas import InventoryProductSchema, PhotoSchema, UploadTicketSchema


def create_photo_upload(product_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    ticket = photos.create_upload(product_id, stable_id("pho"), body["content_type"], body["size"])
    return dict(UploadTicketSchema().dump(ticket)), 201


def complete_photo_upload(product_id: str, photo_id: str) -> dict[str, Any]:
    return dict(PhotoSchema().dump(photos.complete_upload(product_id, photo_id)))


def reorder_photos(product_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    product = get_product(product_id)
    require_match(product.version)
    changed = photos.reorder_photos(product, body["photo_ids"])
    return dict(InventoryProductSchema().dump(changed)), 200, {"ETag": etag_of(changed.version)}


def remove_photo(product_id: str, photo_id: str) -> tuple[None, int]:
    photos.remove_photo(product_id, photo_id)
    return None, 204
