"""The files of photos in S3, and the notes in a product's document by which files that no photo uses are deleted.

S3 and DocumentDB share no transaction. So the keys of new files are noted before the files are written, and the
keys that a change makes obsolete in the same update as the change. A crash leaves the note, and a job deletes the
files.
A note is `{"key": ..., "at": ...}`: the file may be deleted from that time on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from libs.chassis import jobs
from libs.chassis.logs import get_logger
from libs.chassis.object_store import Bucket, PhotoStoreUnavailable
from services.shopping.document_store import Document, get_current_time
from services.shopping.products.product_store import products_collection
from services.shopping.products.rules import Photo
from services.shopping.settings import shopping_settings

# Files below PUBLIC are public, those below ORIGINALS are not (infra/edge/sites.py).
ORIGINALS = "originals/"
PUBLIC = "products/"
TO_DELETE, UNCONFIRMED = "files_to_delete", "unconfirmed_files"
# Longer than it takes to write the files and to add them to the product.
CONFIRMED_WITHIN = timedelta(minutes=10)
RETRY_AFTER = timedelta(minutes=10)
BATCH_SIZE = 100


def photo_bucket() -> Bucket:
    return Bucket(shopping_settings().photo_bucket)


def build_originals_folder(product_id: str) -> str:
    return f"{ORIGINALS}{product_id}"


def list_photo_keys(photo: Photo) -> list[str]:
    return [photo.key, *(size.key for size in photo.sizes)]


def build_deletion_notes(keys: Iterable[str], after: timedelta = timedelta()) -> list[Document]:
    at = get_current_time() + after
    return [{"key": key, "at": at} for key in keys]


def note_unconfirmed(product_id: str, keys: Iterable[str]) -> None:
    """Note files that are about to be written; the update that adds them to the product removes the notes."""
    notes = {UNCONFIRMED: {"$each": build_deletion_notes(keys, CONFIRMED_WITHIN)}}
    products_collection().update_one({"_id": product_id}, {"$push": notes})


def build_confirmation(photo: Photo) -> Document:
    """The `$pull` operand that confirms the files of the photo."""
    return {UNCONFIRMED: {"key": {"$in": list_photo_keys(photo)}}}


def delete_files_of(product_id: str) -> None:
    """Delete the files of this product that are due; what fails is left to the job."""
    document = products_collection().find_one({"_id": product_id}, {TO_DELETE: 1})
    try:
        _delete_due(document or {}, TO_DELETE, get_current_time())
    except PhotoStoreUnavailable as error:
        get_logger(__name__).warning("photo files are deleted later", product=product_id, reason=str(error))


def delete_due_files(limit: int = BATCH_SIZE) -> None:
    """Delete the due files of up to `limit` products for each kind of note. Raises PhotoStoreUnavailable."""
    now = get_current_time()
    for field in (TO_DELETE, UNCONFIRMED):
        due = products_collection().find({f"{field}.at": {"$lte": now}}, {field: 1})
        for document in list(due.limit(limit)):
            _delete_due(document, field, now)


def _delete_due(document: Document, field: str, now: datetime) -> None:
    for note in document.get(field, ()):
        try:
            if note["at"] <= now:
                photo_bucket().delete(note["key"])
                _replace_note(document["_id"], field, note, None)
        except PhotoStoreUnavailable:
            raise
        except Exception as error:  # a broken note, or one that S3 refuses, must not block the others
            jobs.report_failure("delete_photo_files", str(document["_id"]), error)
            kept = note if isinstance(note, dict) else {"entry": note}
            _replace_note(document["_id"], field, note, {**kept, "at": now + RETRY_AFTER})


def _replace_note(product_id: str, field: str, note: Document, replacement: Document | None) -> None:
    if replacement is not None:
        products_collection().update_one({"_id": product_id}, {"$push": {field: replacement}})
    # By its value, because a note that cannot be read may lack any field.
    products_collection().update_one({"_id": product_id}, {"$pull": {field: {"$in": [note]}}})
