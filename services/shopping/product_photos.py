"""The photos in a product's document: each change is one conditional update (story mf-op-02)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from services.shopping import moments, product_store
from services.shopping.products import PHOTOS_VERSION, Document, Move, Photo, Product, legal_origins


def stored_photo(photo: Photo) -> Document:
    return {**asdict(photo), "sizes": [asdict(size) for size in photo.sizes]}


def add_photo(product_id: str, photo: Photo, announcement: Document, most_photos: int) -> Product | None:
    """Adds a photo once; None when the product has it already, is full, cannot be edited or does not exist."""
    return product_store.update_one(
        {
            "_id": product_id,
            "state": {"$in": legal_origins(Move.EDIT)},
            "photos.id": {"$ne": photo.id},
            f"photos.{most_photos - 1}": {"$exists": False},
        },
        _change({"$push": {"photos": stored_photo(photo), "announcements": announcement}}, moments.now()),
    )


def remove_photo(product_id: str, photo_id: str, announcement: Document) -> Product | None:
    """Removes a photo; None when the product has no such photo, cannot be edited or does not exist."""
    return product_store.update_one(
        {"_id": product_id, "state": {"$in": legal_origins(Move.EDIT)}, "photos.id": photo_id},
        _change({"$pull": {"photos": {"id": photo_id}}, "$push": {"announcements": announcement}}, moments.now()),
    )


def _change(update: Document, now: datetime) -> Document:
    return {**update, "$set": {"updated_at": now}, "$inc": {"version": 1}}


def documents_to_convert(limit: int) -> list[Document]:
    """Products whose photos an older version of this code stored; limit 0 for all of them."""
    older = {"photos_version": {"$in": [None, *range(1, PHOTOS_VERSION)]}}
    return list(product_store.products_collection().find(older, product_store.WITHOUT_TERMS).limit(limit))


def set_converted(document: Document, photos: Sequence[Photo] | None) -> bool:
    """Replaces the photos if nobody edited the product meanwhile; None only notes that they were looked at.

    Not an edit, so the version stays and no editor gets a conflict.
    """
    fields: Document = {"photos_version": PHOTOS_VERSION}
    if photos is not None:
        fields["photos"] = [stored_photo(photo) for photo in photos]
    as_read = {"_id": document["_id"], "version": document.get("version")}
    changed = product_store.products_collection().update_one(as_read, {"$set": fields})
    return changed.matched_count == 1
