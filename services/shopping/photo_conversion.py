"""Photos that earlier releases stored: originals move out of what is public, and all sizes are made again.

May be repeated at any time and stopped at any point. A photo that cannot be read is taken off its product, and its
file is moved out of what is public all the same.
"""

from __future__ import annotations

from libs.chassis import jobs, uploads
from libs.chassis.logs import get_logger
from libs.chassis.object_store import PhotoStoreAway
from libs.chassis.pictures import NotAnImage
from services.shopping import page_memory, photo_sizes, product_photos
from services.shopping.photo_store import ORIGINALS, photo_bucket
from services.shopping.products import Document, Photo, photo_from_document

BATCH_SIZE = 10
MOST_BYTES = 10_485_760


def convert_photos(limit: int = BATCH_SIZE, *, dry_run: bool = False) -> list[Document]:
    """Converts the photos of so many products (0: all) and says of each product which of them changes how.

    With `dry_run` nothing is written. A product that cannot be converted is logged, counted and left as it is.
    """
    return [_convert_or_skip(document, dry_run) for document in product_photos.documents_to_convert(limit)]


def _convert_or_skip(document: Document, dry_run: bool) -> Document:
    report: Document = {"product": document["_id"]}
    try:
        return report | _convert(document, dry_run)
    except PhotoStoreAway:
        raise
    except Exception as error:  # whatever one document holds, the job goes on with the next
        jobs.report_failure("convert_stored_photos", str(document["_id"]), error)
        if not dry_run:
            product_photos.set_converted(document, None)
        return report | {"failed": type(error).__name__}


def _convert(document: Document, dry_run: bool) -> Document:
    known = [photo_from_document(photo) for photo in document["photos"]]
    pending = [photo for photo in known if not _is_converted(photo)]
    if dry_run:
        return {"photos": [photo.id for photo in pending]}
    converted = {photo.id: _converted(document["_id"], photo) for photo in pending}
    kept = [found for photo in known if (found := converted.get(photo.id, photo)) is not None]
    if product_photos.set_converted(document, kept):
        page_memory.forget()
        for photo in pending:
            if not photo.key.startswith(ORIGINALS):
                photo_bucket().delete(photo.key)
    return {
        "photos": [photo.id for photo in pending],
        "removed": [one for one, found in converted.items() if not found],
    }


def _is_converted(photo: Photo) -> bool:
    return photo.key.startswith(ORIGINALS) and {size.name for size in photo.sizes} == set(photo_sizes.WIDTHS)


def _converted(product_id: str, photo: Photo) -> Photo | None:
    """The photo with its original out of reach and sizes of its own; None when it cannot be shown."""
    content = photo_bucket().read_if_there(photo.key, MOST_BYTES)
    if content is None:
        get_logger(__name__).warning("photo has no file", product=product_id, photo=photo.id)
        return photo if photo.sizes else None
    key = photo.key
    if not key.startswith(ORIGINALS):
        key = uploads.new_key(photo_sizes.originals_folder(product_id), photo.content_type)
        photo_bucket().write(key, content, photo.content_type)
    try:
        return photo_sizes.shown_photo(product_id, photo.id, key, photo.content_type, content)
    except NotAnImage as error:
        get_logger(__name__).warning("photo removed", product=product_id, photo=photo.id, reason=error.detail)
        return None
