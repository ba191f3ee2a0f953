"""Files that a product no longer shows, or does not show yet, noted in its document until they are deleted.

S3 and DocumentDB share no transaction. So the keys of new files are noted before the files are written, and keys
that a change makes obsolete in the same update as the change. A crash leaves the note, and a job deletes the files.
An entry is `{"key": ..., "at": ...}`: the file may be deleted from that time on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from libs.chassis import jobs
from libs.chassis.logs import get_logger
from libs.chassis.object_store import PhotoStoreUnavailable
from services.shopping import moments, product_store
from services.shopping.photo_store import photo_bucket
from services.shopping.products import Document, Photo

TO_DELETE, UNCONFIRMED = "files_to_delete", "unconfirmed_files"
# Longer than a request or a conversion takes to write the files and to add them to the product.
CONFIRMED_WITHIN = timedelta(minutes=10)
RETRY_AFTER = timedelta(minutes=10)
BATCH_SIZE = 100


def keys_of(photo: Photo) -> list[str]:
    return [photo.key, *(size.key for size in photo.sizes)]


def entries(keys: Iterable[str], after: timedelta = timedelta()) -> list[Document]:
    at = moments.now() + after
    return [{"key": key, "at": at} for key in keys]


def note_unconfirmed(product_id: str, keys: Iterable[str]) -> None:
    """Note files that are about to be written; the update that adds them to the product removes the notes."""
    noted = {UNCONFIRMED: {"$each": entries(keys, CONFIRMED_WITHIN)}}
    product_store.products_collection().update_one({"_id": product_id}, {"$push": noted})


def confirmation(photo: Photo) -> Document:
    """The part of an update's `$pull` that confirms the files of the photo."""
    return {UNCONFIRMED: {"key": {"$in": keys_of(photo)}}}


def delete_due_of(product_id: str) -> None:
    """Delete the files of this product that are due; what fails is left to the job."""
    document = product_store.products_collection().find_one({"_id": product_id}, {TO_DELETE: 1})
    try:
        _delete_due(document or {}, TO_DELETE, moments.now())
    except PhotoStoreUnavailable as error:
        get_logger(__name__).warning("photo files are deleted later", product=product_id, reason=str(error))


def delete_due(limit: int = BATCH_SIZE) -> None:
    """Delete the files that are due, of up to `limit` products for each reason. Raises PhotoStoreUnavailable."""
    now = moments.now()
    for field in (TO_DELETE, UNCONFIRMED):
        due = product_store.products_collection().find({f"{field}.at": {"$lte": now}}, {field: 1})
        for document in list(due.limit(limit)):
            _delete_due(document, field, now)


def _delete_due(document: Document, field: str, now: datetime) -> None:
    for entry in document.get(field, ()):
        try:
            if entry["at"] <= now:
                photo_bucket().delete(entry["key"])
                _replace_entry(document["_id"], field, entry, None)
        except PhotoStoreUnavailable:
            raise
        except Exception as error:  # whatever one entry holds or S3 refuses, the job goes on with the next
            jobs.report_failure("delete_photo_files", str(document["_id"]), error)
            kept = entry if isinstance(entry, dict) else {"entry": entry}
            _replace_entry(document["_id"], field, entry, {**kept, "at": now + RETRY_AFTER})


def _replace_entry(product_id: str, field: str, entry: Document, later: Document | None) -> None:
    products = product_store.products_collection()
    if later is not None:
        products.update_one({"_id": product_id}, {"$push": {field: later}})
    # By its value, because an entry that cannot be read may lack any field.
    products.update_one({"_id": product_id}, {"$pull": {field: {"$in": [entry]}}})
