"""Photos that earlier releases stored: originals move out of what is public, and all sizes are made again.

May be repeated at any time and stopped at any point. A photo without sizes that cannot be read is removed from its
product, and its file is moved out of what is public all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from libs.chassis import jobs, skipped_items, uploads
from libs.chassis.images import NotAnImage
from libs.chassis.logs import get_logger
from libs.chassis.object_store import PhotoStoreUnavailable
from services.shopping import photo_files, photo_sizes, product_photos
from services.shopping.photo_store import ORIGINALS, photo_bucket
from services.shopping.products import Document, Photo, ProductChangedMeanwhile, photo_from_document

Converter = Callable[[str, Photo], Photo | None]
BATCH_SIZE = 10
MOST_BYTES = 10_485_760


def convert_photos(limit: int = BATCH_SIZE, *, dry_run: bool = False) -> list[Document]:
    """Converts the photos of up to `limit` products (0: all) and reports for each product which of them changed.

    With `dry_run` nothing is written. A photo that cannot be converted is logged, counted and tried again later.
    """
    documents = product_photos.documents_to_convert(limit, only_due=not dry_run)
    reports = [_planned(document) if dry_run else _convert_or_postpone(document) for document in documents]
    return [report for report in reports if report is not None]


def _planned(document: Document) -> Document:
    pending = []
    for stored in document["photos"] if isinstance(document.get("photos"), list) else ():
        with suppress(*skipped_items.ITEM_FAULTS):
            photo = photo_from_document(stored)
            pending += [] if _is_converted(photo) else [photo.id]
    return {"product": document["_id"], "photos": pending}


def _convert_or_postpone(document: Document) -> Document | None:
    begun = product_photos.begin_attempt(document)
    if begun is None:
        return None
    report: Document = {"product": begun["_id"], "photos": [], "removed": []}
    try:
        _convert(begun, report)
    except PhotoStoreUnavailable:
        raise
    except Exception as error:  # whatever one document holds, the job goes on with the next
        _report_failure(report, error)
    photo_files.delete_due_of(begun["_id"])
    return report


def _convert(document: Document, report: Document) -> None:
    """All originals first move out of what is public, which needs no decoding; then the sizes are made."""
    if not isinstance(document["photos"], list):
        raise TypeError("The photos are not a list.")
    photos = document["photos"]
    for convert in (_with_private_original, _with_all_sizes):
        for stored in photos:
            try:
                photos = _convert_photo(document["_id"], photos, stored, convert, report)
            except (PhotoStoreUnavailable, ProductChangedMeanwhile):
                raise
            except Exception as error:  # whatever one photo holds, the others are converted
                _report_failure(report, error)
    if "failed" not in report:
        product_photos.set_converted(document["_id"], photos)


def _convert_photo(
    product_id: str, photos: list[Document], stored: Document, convert: Converter, report: Document
) -> list[Document]:
    photo = photo_from_document(stored)
    converted = convert(product_id, photo)
    if converted == photo:
        return photos
    report["photos"] += [] if photo.id in report["photos"] else [photo.id]
    report["removed"] += [] if converted else [photo.id]
    return product_photos.replace_photo(product_id, photos, stored, converted)


def _report_failure(report: Document, error: Exception) -> None:
    jobs.report_failure("convert_stored_photos", str(report["product"]), error)
    report["failed"] = type(error).__name__


def _is_converted(photo: Photo) -> bool:
    return photo.key.startswith(ORIGINALS) and {size.name for size in photo.sizes} == set(photo_sizes.WIDTHS)


def _with_private_original(product_id: str, photo: Photo) -> Photo:
    if photo.key.startswith(ORIGINALS) or (content := _content_of(product_id, photo)) is None:
        return photo
    key = uploads.new_key(photo_sizes.originals_folder(product_id), photo.content_type)
    photo_files.note_unconfirmed(product_id, [key])
    photo_bucket().write(key, content, photo.content_type)
    return replace(photo, key=key)


def _with_all_sizes(product_id: str, photo: Photo) -> Photo | None:
    """The photo with sizes of its own; None when it has none and cannot be read."""
    if _is_converted(photo):
        return photo
    content = _content_of(product_id, photo)
    try:
        if content is not None:
            return photo_sizes.shown_photo(product_id, photo.id, photo.key, photo.content_type, content)
    except NotAnImage as error:
        get_logger(__name__).warning("photo not scaled", product=product_id, photo=photo.id, reason=error.detail)
    return photo if photo.sizes else None


def _content_of(product_id: str, photo: Photo) -> bytes | None:
    content = photo_bucket().read_or_none(photo.key, MOST_BYTES)
    if content is None:
        get_logger(__name__).warning("photo has no file", product=product_id, photo=photo.id)
    return content
