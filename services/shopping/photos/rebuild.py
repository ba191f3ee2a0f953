"""Rebuilds the renditions of stored photos after a change of `renditions.WIDTHS`.

May be repeated at any time and stopped at any point. A photo whose original is missing or cannot be decoded keeps
the renditions that it has.
"""

from __future__ import annotations

from contextlib import suppress

from libs.chassis import jobs, skipped_items
from libs.chassis.images import NotAnImage
from libs.chassis.logs import get_logger
from libs.chassis.object_store import PhotoStoreUnavailable
from services.shopping.document_store import Document
from services.shopping.photos import photo_files, photo_store, renditions
from services.shopping.products.product_store import photo_from_document
from services.shopping.products.rules import Photo, ProductChangedConcurrently

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
            pending += [] if renditions.is_complete(photo) else [photo.id]
    return {"product": document["_id"], "photos": pending}


def _rebuild_or_postpone(document: Document) -> Document | None:
    attempted = photo_store.begin_attempt(document)
    if attempted is None:
        return None
    report: Document = {"product": attempted["_id"], "photos": []}
    try:
        _rebuild(attempted, report)
    except PhotoStoreUnavailable:
        raise
    except Exception as error:  # a broken document must not block the others
        _report_failure(report, error)
    return report


def _rebuild(document: Document, report: Document) -> None:
    if not isinstance(document["photos"], list):
        raise TypeError("The photos are not a list.")
    photos = document["photos"]
    for stored in photos:
        try:
            photo = photo_from_document(stored)
            rebuilt = _rebuild_photo(document["_id"], photo)
            if rebuilt is not photo:
                report["photos"].append(photo.id)
                photos = photo_store.replace_photo(document["_id"], photos, stored, rebuilt)
        except (PhotoStoreUnavailable, ProductChangedConcurrently):
            raise
        except Exception as error:  # a broken photo must not block the others
            _report_failure(report, error)
    if "failed" not in report:
        photo_store.mark_rebuilt(document["_id"], photos)


def _report_failure(report: Document, error: Exception) -> None:
    jobs.report_failure("rebuild_photos", str(report["product"]), error)
    report["failed"] = type(error).__name__


def _rebuild_photo(product_id: str, photo: Photo) -> Photo:
    if renditions.is_complete(photo):
        return photo
    content = photo_files.photo_bucket().read_or_none(photo.key, MAX_BYTES)
    reason = "no file"
    if content is not None:
        try:
            return renditions.write_renditions(product_id, photo.id, photo.key, photo.content_type, content)
        except NotAnImage as error:
            reason = error.detail
    get_logger(__name__).warning("photo not rebuilt", product=product_id, photo=photo.id, reason=reason)
    return photo
