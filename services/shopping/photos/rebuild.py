"""Rebuilds stored photos: originals become private, and photos get all sizes of renditions.WIDTHS.

May be repeated at any time and stopped at any point. A photo without sizes that cannot be decoded is removed from
its product, and its file becomes private all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from libs.chassis import jobs, skipped_items, uploads
from libs.chassis.images import NotAnImage
from libs.chassis.logs import get_logger
from libs.chassis.object_store import PhotoStoreUnavailable
from services.shopping.document_store import Document
from services.shopping.photos import photo_files, photo_store, renditions
from services.shopping.photos.photo_files import ORIGINALS, photo_bucket
from services.shopping.photos.renditions import WIDTHS
from services.shopping.products.product_store import photo_from_document
from services.shopping.products.rules import Photo, ProductChangedConcurrently

Step = Callable[[str, Photo], Photo | None]
BATCH_SIZE = 10
MAX_BYTES = 10_485_760


def rebuild_photos(limit: int = BATCH_SIZE, *, dry_run: bool = False) -> list[Document]:
    """Rebuild the photos of up to `limit` products (0: all) and report for each product which of them changed.

    With `dry_run` nothing is written. A photo that cannot be rebuilt is logged, counted and tried again later.
    """
    documents = photo_store.list_outdated_documents(limit, only_due=not dry_run)
    reports = [_plan(document) if dry_run else _rebuild_or_postpone(document) for document in documents]
    return [report for report in reports if report is not None]


def _plan(document: Document) -> Document:
    pending = []
    for stored in document["photos"] if isinstance(document.get("photos"), list) else ():
        with suppress(*skipped_items.ITEM_FAULTS):
            photo = photo_from_document(stored)
            pending += [] if _is_rebuilt(photo) else [photo.id]
    return {"product": document["_id"], "photos": pending}


def _rebuild_or_postpone(document: Document) -> Document | None:
    attempted = photo_store.begin_attempt(document)
    if attempted is None:
        return None
    report: Document = {"product": attempted["_id"], "photos": [], "removed": []}
    try:
        _rebuild(attempted, report)
    except PhotoStoreUnavailable:
        raise
    except Exception as error:  # a broken document must not block the others
        _report_failure(report, error)
    photo_files.delete_files_of(attempted["_id"])
    return report


def _rebuild(document: Document, report: Document) -> None:
    """First make all originals private, which decodes nothing; then write the renditions."""
    if not isinstance(document["photos"], list):
        raise TypeError("The photos are not a list.")
    photos = document["photos"]
    for step in (_with_private_original, _with_all_sizes):
        for stored in photos:
            try:
                photos = _apply(step, document["_id"], photos, stored, report)
            except (PhotoStoreUnavailable, ProductChangedConcurrently):
                raise
            except Exception as error:  # a broken photo must not block the others
                _report_failure(report, error)
    if "failed" not in report:
        photo_store.mark_rebuilt(document["_id"], photos)


def _apply(
    step: Step, product_id: str, photos: list[Document], stored: Document, report: Document
) -> list[Document]:
    photo = photo_from_document(stored)
    rebuilt = step(product_id, photo)
    if rebuilt == photo:
        return photos
    report["photos"] += [] if photo.id in report["photos"] else [photo.id]
    report["removed"] += [] if rebuilt else [photo.id]
    return photo_store.replace_photo(product_id, photos, stored, rebuilt)


def _report_failure(report: Document, error: Exception) -> None:
    jobs.report_failure("rebuild_photos", str(report["product"]), error)
    report["failed"] = type(error).__name__


def _is_rebuilt(photo: Photo) -> bool:
    return photo.key.startswith(ORIGINALS) and {size.name for size in photo.sizes} == set(WIDTHS)


def _with_private_original(product_id: str, photo: Photo) -> Photo:
    if photo.key.startswith(ORIGINALS) or (content := _read_original(product_id, photo)) is None:
        return photo
    key = uploads.new_key(photo_files.originals_folder(product_id), photo.content_type)
    photo_files.note_unconfirmed(product_id, [key])
    photo_bucket().write(key, content, photo.content_type)
    return replace(photo, key=key)


def _with_all_sizes(product_id: str, photo: Photo) -> Photo | None:
    """The photo with all renditions; None when it has none and cannot be decoded."""
    if _is_rebuilt(photo):
        return photo
    content = _read_original(product_id, photo)
    try:
        if content is not None:
            return renditions.write_renditions(product_id, photo.id, photo.key, photo.content_type, content)
    except NotAnImage as error:
        get_logger(__name__).warning("photo not scaled", product=product_id, photo=photo.id, reason=error.detail)
    return photo if photo.sizes else None


def _read_original(product_id: str, photo: Photo) -> bytes | None:
    content = photo_bucket().read_or_none(photo.key, MAX_BYTES)
    if content is None:
        get_logger(__name__).warning("photo has no file", product=product_id, photo=photo.id)
    return content
