"""Announced photo uploads that are not completed yet (collection `photo_uploads`)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from services.shopping.document_store import DocumentCollection

photo_uploads = DocumentCollection("photo_uploads")

# DocumentDB deletes an announced upload a day after its form has expired.
SECONDS_KEPT_AFTER_EXPIRY = 24 * 3600


@dataclass(frozen=True)
class PhotoUpload:
    """A file of this type and size (bytes) that may be uploaded to `key` until `expires_at`."""

    id: str
    product_id: str
    key: str
    content_type: str
    size: int
    expires_at: datetime


def ensure_upload_indexes() -> None:
    photo_uploads().create_index([("expires_at", ASCENDING)], expireAfterSeconds=SECONDS_KEPT_AFTER_EXPIRY)


def insert_upload(upload: PhotoUpload) -> PhotoUpload:
    """Store the upload; when its id is taken (a repeated request) the stored one is returned."""
    document = {("_id" if name == "id" else name): value for name, value in vars(upload).items()}
    try:
        photo_uploads().insert_one(photo_uploads.add_version(document))
    except DuplicateKeyError:
        return find_upload(upload.product_id, upload.id) or upload
    return upload


def find_upload(product_id: str, photo_id: str) -> PhotoUpload | None:
    document = photo_uploads().find_one({"_id": photo_id, "product_id": product_id})
    if document is None:
        return None
    document = {**photo_uploads.upgrade(document), "id": photo_id}
    return PhotoUpload(**{field.name: document[field.name] for field in fields(PhotoUpload)})
