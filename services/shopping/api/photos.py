"""Photos of a product."""

from __future__ import annotations

from typing import Any

from libs.chassis.idempotency import stable_id
from services.shopping import photos
from services.shopping.schemas import PhotoSchema, UploadTicketSchema


def create_photo_upload(product_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    ticket = photos.create_upload(product_id, stable_id("pho"), body["content_type"], body["size"])
    return dict(UploadTicketSchema().dump(ticket)), 201


def complete_photo_upload(product_id: str, photo_id: str) -> dict[str, Any]:
    return dict(PhotoSchema().dump(photos.complete_upload(product_id, photo_id)))
