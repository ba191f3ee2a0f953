"""The photos in a product's document: each change is one conditional update (story mf-op-02)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

from pymongo import ReturnDocument

from services.shopping import moments, page_memory, photo_files, product_store
from services.shopping.photo_store import ORIGINALS
from services.shopping.products import (
    PHOTOS_VERSION,
    Document,
    Move,
    Photo,
    Product,
    ProductChangedMeanwhile,
    legal_origins,
    photo_from_document,
)

OLDER: Document = {"photos_version": {"$in": [None, *range(1, PHOTOS_VERSION)]}}
ATTEMPTS, RETRY_AT = "photos_attempts", "photos_retry_at"
# Doubled with each attempt, up to 17 hours.
RETRY_AFTER, MOST_DOUBLINGS = timedelta(minutes=2), 9
PAGES_OPEN_FOR = timedelta(hours=1)


def stored_photo(photo: Photo) -> Document:
    return {**asdict(photo), "sizes": [asdict(size) for size in photo.sizes]}


def stored_photos(product_id: str) -> list[Document]:
    """The photos as the product's document holds them now."""
    document = product_store.products_collection().find_one({"_id": product_id}, {"photos": 1})
    return list(document["photos"]) if document else []


def add_photo(product_id: str, photo: Photo, announcement: Document, most_photos: int) -> Product | None:
    """Adds a photo once; None when the product has it already, is full, cannot be edited or does not exist."""
    confirmed = {**photo_files.confirmation(photo), photo_files.TO_DELETE: {"key": photo.key}}
    added = {"photos": stored_photo(photo), "announcements": announcement}
    return product_store.update_one(
        {
            "_id": product_id,
            "state": {"$in": legal_origins(Move.EDIT)},
            "photos.id": {"$ne": photo.id},
            f"photos.{most_photos - 1}": {"$exists": False},
        },
        _change({"$push": added, "$pull": confirmed}, moments.now()),
    )


def remove_photo(product_id: str, stored: Document, announcement: Document) -> Product | None:
    """Removes a photo that is still as stored, and notes that its files are to be deleted.

    None when the product has no such photo, cannot be edited or does not exist.
    """
    obsolete = photo_files.entries(photo_files.keys_of(photo_from_document(stored)))
    noted = {photo_files.TO_DELETE: {"$each": obsolete}, "announcements": announcement}
    return product_store.update_one(
        {"_id": product_id, "state": {"$in": legal_origins(Move.EDIT)}, "photos": stored},
        _change({"$pull": {"photos": {"id": stored["id"]}}, "$push": noted}, moments.now()),
    )


def _change(update: Document, now: datetime) -> Document:
    return {**update, "$set": {"updated_at": now}, "$inc": {"version": 1}}


def documents_to_convert(limit: int, *, only_due: bool) -> list[Document]:
    """Products whose photos an older version of this code stored; limit 0 for all of them.

    With `only_due` without those that wait for another attempt.
    """
    query = _due(moments.now()) if only_due else OLDER
    return list(product_store.products_collection().find(query, product_store.WITHOUT_TERMS).limit(limit))


def begin_attempt(document: Document) -> Document | None:
    """Counts an attempt to convert the photos, and plans the next one; the document as it is then.

    This comes before any photo is decoded: a product for which the process is killed does not block the others.
    None when another process was quicker.
    """
    now, attempts = moments.now(), document.get(ATTEMPTS, 0)
    planned = {ATTEMPTS: attempts + 1, RETRY_AT: now + RETRY_AFTER * 2 ** min(attempts, MOST_DOUBLINGS)}
    return product_store.products_collection().find_one_and_update(
        {"_id": document["_id"], **_due(now)},
        {"$set": planned},
        projection=product_store.WITHOUT_TERMS,
        return_document=ReturnDocument.AFTER,
    )


def _due(now: datetime) -> Document:
    return {**OLDER, RETRY_AT: {"$not": {"$gt": now}}}


def replace_photo(product_id: str, photos: list[Document], old: Document, new: Photo | None) -> list[Document]:
    """Puts `new` into the place of a photo, or nothing; the photos as they are then.

    The version stays, because this is no edit. Raises ProductChangedMeanwhile when the photos are no longer these.
    """
    replacement = [] if new is None else [stored_photo(new)]
    changed = [one for photo in photos for one in (replacement if photo == old else [photo])]
    update: Document = {
        "$set": {"photos": changed},
        "$push": {photo_files.TO_DELETE: {"$each": _obsolete(photo_from_document(old), new)}},
    }
    if new is not None:
        update["$pull"] = photo_files.confirmation(new)
    _update_photos(product_id, photos, update)
    return changed


def _obsolete(old: Photo, new: Photo | None) -> list[Document]:
    """The original immediately if it was public; the sizes when no page that names them is open any more."""
    if new is None:
        return photo_files.entries(key for key in photo_files.keys_of(old) if not key.startswith(ORIGINALS))
    kept = photo_files.keys_of(new)
    sizes = [size.key for size in old.sizes if size.key not in kept]
    original = [] if old.key in kept else [old.key]
    return photo_files.entries(original) + photo_files.entries(sizes, PAGES_OPEN_FOR)


def set_converted(product_id: str, photos: list[Document]) -> None:
    """Notes that all photos are converted. Raises ProductChangedMeanwhile when they are no longer these."""
    update = {"$set": {"photos_version": PHOTOS_VERSION}, "$unset": {ATTEMPTS: "", RETRY_AT: ""}}
    _update_photos(product_id, photos, update)


def _update_photos(product_id: str, photos: list[Document], update: Document) -> None:
    as_read = {"_id": product_id, "photos": photos}
    if not product_store.products_collection().update_one(as_read, update).matched_count:
        raise ProductChangedMeanwhile("The photos are converted later.")
    page_memory.forget()
