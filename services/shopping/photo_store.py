"""The bucket of photos, and the uploads that were promised but not completed yet (collection `photo_uploads`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bson.codec_options import CodecOptions
from pymongo import ASCENDING
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from libs.chassis.documents import mongo_database
from libs.chassis.object_store import Bucket
from services.shopping.products import Document
from services.shopping.settings import shopping_settings

# Nobody outside reads what is under ORIGINALS (infra/edge/sites.py); what is under SHOWN is public.
ORIGINALS = "originals/"
SHOWN = "products/"
# A promised upload is forgotten by the database a day after its form has expired.
SECONDS_KEPT_AFTER_EXPIRY = 24 * 3600


@dataclass(frozen=True)
class PhotoUpload:
    """A promise that a file of this type and size (bytes) may be put under `key` until `expires_at`."""

    id: str
    product_id: str
    key: str
    content_type: str
    size: int
    expires_at: datetime


def ensure_upload_indexes() -> None:
    _uploads().create_index([("expires_at", ASCENDING)], expireAfterSeconds=SECONDS_KEPT_AFTER_EXPIRY)


def insert_upload(upload: PhotoUpload) -> PhotoUpload:
    """Stores the promise; when its id is taken already (a repeated request) that one is returned."""
    document: Document = {"_id": upload.id, **vars(upload)}
    del document["id"]
    try:
        _uploads().insert_one(document)
    except DuplicateKeyError:
        return find_upload(upload.product_id, upload.id) or upload
    return upload


def find_upload(product_id: str, photo_id: str) -> PhotoUpload | None:
    document = _uploads().find_one({"_id": photo_id, "product_id": product_id})
    if document is None:
        return None
    return PhotoUpload(id=document.pop("_id"), **document)


def photo_bucket() -> Bucket:
    return Bucket(shopping_settings().photo_bucket)


def _uploads() -> Collection[Document]:
    options: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
    collection: Collection[Document] = mongo_database().get_collection("photo_uploads", codec_options=options)
    return collection
