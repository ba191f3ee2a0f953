"""The photos in a product's document: each change is one conditional update (story mf-op-02)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

from pymongo import ReturnDocument

from services.shopping.document_store import Document, get_current_time
from services.shopping.photos import photo_files
from services.shopping.photos.photo_files import build_deletion_notes, list_photo_keys
from services.shopping.products.product_store import (
    WITHOUT_INDEX_FIELDS,
    photo_from_document,
    products_collection,
    update_product,
    update_products,
)
from services.shopping.products.rules import (
    LIFECYCLE,
    PHOTOS_VERSION,
    Photo,
    Product,
    ProductChangedConcurrently,
    Transition,
)

OUTDATED: Document = {"photos_version": {"$in": [None, *range(1, PHOTOS_VERSION)]}}
ATTEMPTS, RETRY_AT = "photos_attempts", "photos_retry_at"
# Doubled with each attempt, up to 17 hours.
RETRY_AFTER, MAX_DOUBLINGS = timedelta(minutes=2), 9
# Pages that were loaded before a photo is rebuilt still show its old files.
OLD_FILES_KEPT_FOR = timedelta(hours=1)


def photo_to_document(photo: Photo) -> Document:
    return {**asdict(photo), "sizes": [asdict(size) for size in photo.sizes]}


def find_photo_documents(product_id: str) -> list[Document]:
    """The photos as they are stored, for the condition of an update."""
    document = products_collection().find_one({"_id": product_id}, {"photos": 1})
    return list(document["photos"]) if document else []


def add_photo(product_id: str, photo: Photo, outbox_entry: Document, max_photos: int) -> Product | None:
    """Add a photo once; None when the product already has it, is full, cannot be edited or does not exist."""
    confirmed = {**photo_files.build_confirmation(photo), photo_files.TO_DELETE: {"key": photo.key}}
    added = {"photos": photo_to_document(photo), "outbox": outbox_entry}
    condition = {"photos.id": {"$ne": photo.id}, f"photos.{max_photos - 1}": {"$exists": False}}
    return _edit(product_id, condition, {"$push": added, "$pull": confirmed})


def remove_photo(product_id: str, stored: Document, outbox_entry: Document) -> Product | None:
    """Remove a photo that is still as stored, and note that its files are to be deleted.

    None when the product has no such photo, cannot be edited or does not exist.
    """
    notes = build_deletion_notes(list_photo_keys(photo_from_document(stored)))
    added = {photo_files.TO_DELETE: {"$each": notes}, "outbox": outbox_entry}
    return _edit(product_id, {"photos": stored}, {"$pull": {"photos": {"id": stored["id"]}}, "$push": added})


def _edit(product_id: str, condition: Document, update: Document) -> Product | None:
    is_editable = {"_id": product_id, "state": {"$in": LIFECYCLE.sources(Transition.EDIT)}}
    changed = {"$set": {"updated_at": get_current_time()}, "$inc": {"version": 1}}
    return update_product({**is_editable, **condition}, {**update, **changed})


def list_outdated_documents(limit: int, *, only_due: bool) -> list[Document]:
    """Products whose photos are to be rebuilt (limit 0: all); `only_due` leaves out those that wait for a retry."""
    query = _build_due_query(get_current_time()) if only_due else OUTDATED
    return list(products_collection().find(query, WITHOUT_INDEX_FIELDS).limit(limit))


def begin_attempt(document: Document) -> Document | None:
    """Count an attempt to rebuild the photos, and schedule the next one; the document after that.

    This comes before any photo is decoded, so that a product whose photo kills the process does not block the
    others. None when another process was faster.
    """
    now, attempts = get_current_time(), document.get(ATTEMPTS, 0)
    next_attempt = {ATTEMPTS: attempts + 1, RETRY_AT: now + RETRY_AFTER * 2 ** min(attempts, MAX_DOUBLINGS)}
    return products_collection().find_one_and_update(
        {"_id": document["_id"], **_build_due_query(now)},
        {"$set": next_attempt},
        projection=WITHOUT_INDEX_FIELDS,
        return_document=ReturnDocument.AFTER,
    )


def _build_due_query(now: datetime) -> Document:
    return {**OUTDATED, RETRY_AT: {"$not": {"$gt": now}}}


def replace_photo(product_id: str, photos: list[Document], old: Document, new: Photo) -> list[Document]:
    """Replace a photo by one with other renditions; the photos after that.

    This is no edit, so the version stays. Raises ProductChangedConcurrently when the photos are no longer these.
    """
    changed = [photo_to_document(new) if photo == old else photo for photo in photos]
    kept = list_photo_keys(new)
    obsolete = [key for key in list_photo_keys(photo_from_document(old)) if key not in kept]
    update: Document = {
        "$set": {"photos": changed},
        "$push": {photo_files.TO_DELETE: {"$each": build_deletion_notes(obsolete, OLD_FILES_KEPT_FOR)}},
        "$pull": photo_files.build_confirmation(new),
    }
    _update_photos(product_id, photos, update)
    return changed


def mark_rebuilt(product_id: str, photos: list[Document]) -> None:
    """Note that all photos are rebuilt. Raises ProductChangedConcurrently when the photos are no longer these."""
    update = {"$set": {"photos_version": PHOTOS_VERSION}, "$unset": {ATTEMPTS: "", RETRY_AT: ""}}
    _update_photos(product_id, photos, update)


def _update_photos(product_id: str, photos: list[Document], update: Document) -> None:
    if not update_products({"_id": product_id, "photos": photos}, update):
        raise ProductChangedConcurrently("The photos are rebuilt later.")
