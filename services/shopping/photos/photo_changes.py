"""Adding, removing and reordering the photos of a product (story d-po-06).

A client announces a file, uploads it straight to S3 with a presigned form, and completes the upload: the service
then writes the scaled files that pages show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.chassis import db, uploads
from libs.chassis.problems import Unprocessable
from libs.chassis.uploads import FORM_VALID_FOR, PhotoNotFound, TooManyPhotos
from services.shopping.document_store import get_current_time
from services.shopping.photos import photo_files, photo_store, renditions, upload_store
from services.shopping.photos.photo_files import photo_bucket
from services.shopping.photos.upload_store import PhotoUpload
from services.shopping.products.product_changes import change
from services.shopping.products.product_outbox import build_audit_entry, publish_entries
from services.shopping.products.product_store import get_product
from services.shopping.products.rules import Photo, Product, ProductChangedConcurrently, Transition

MAX_PHOTOS = 12


class PhotosDiffer(Unprocessable):
    slug = "photos-differ"
    title = "These are not the photos of the product"


@dataclass(frozen=True)
class UploadTicket:
    photo_id: str
    upload: dict[str, Any]
    expires_at: datetime


def create_upload(product_id: str, photo_id: str, content_type: str, size: int) -> UploadTicket:
    """A presigned form for a file of this type and size (bytes), with a key that cannot be guessed.

    Raises ProductNotFound, IllegalTransition, TooManyPhotos.
    """
    _require_room(get_product(product_id))
    upload = upload_store.insert_upload(
        PhotoUpload(
            id=photo_id,
            product_id=product_id,
            key=uploads.new_key(photo_files.build_originals_folder(product_id), content_type),
            content_type=content_type,
            size=size,
            expires_at=get_current_time() + FORM_VALID_FOR,
        )
    )
    form = uploads.create_form(photo_bucket(), upload)
    return UploadTicket(photo_id, form, upload.expires_at)


def complete_upload(product_id: str, photo_id: str) -> Photo:
    """Write the scaled files of the uploaded file; a repeated request returns the same photo.

    Raises PhotoNotFound, PhotoNotUploaded, UploadMismatch, NotAnImage, TooManyPhotos, IllegalTransition.
    """
    product = get_product(product_id)
    if (existing := _find_photo(product, photo_id)) is not None:
        return existing
    upload = upload_store.find_upload(product_id, photo_id)
    if upload is None:
        raise PhotoNotFound(f"No upload {photo_id} was announced.")
    _require_room(product)
    content = uploads.read_upload(photo_bucket(), upload)
    photo = renditions.write_renditions(product_id, photo_id, upload.key, upload.content_type, content)
    entry = build_audit_entry("complete_photo_upload", None, {"photo_id": photo_id})
    changed = photo_store.add_photo(product_id, photo, entry, MAX_PHOTOS)
    if changed is None:
        return _find_concurrently_added(product_id, photo_id)
    publish_entries(changed, [entry])
    return photo


def _find_concurrently_added(product_id: str, photo_id: str) -> Photo:
    """The photo that another request added. Raises the reason why none was added."""
    product = get_product(product_id)
    if (existing := _find_photo(product, photo_id)) is not None:
        return existing
    _require_room(product)
    raise ProductChangedConcurrently("Complete the upload again.")


def remove_photo(product_id: str, photo_id: str) -> None:
    """Remove a photo and, once that is committed, its files. Raises PhotoNotFound, IllegalTransition."""
    product = get_product(product_id)
    product.state_after(Transition.EDIT)
    photos = photo_store.find_photo_documents(product_id)
    stored = next((photo for photo in photos if photo["id"] == photo_id), None)
    if stored is None:
        raise PhotoNotFound(f"The product has no photo {photo_id}.")
    before = [photo.id for photo in product.photos]
    after = [other_id for other_id in before if other_id != photo_id]
    entry = build_audit_entry("remove_photo", {"photo_ids": before}, {"photo_ids": after})
    changed = photo_store.remove_photo(product_id, stored, entry)
    if changed is None:
        raise ProductChangedConcurrently("Read the product again and repeat your change.")
    publish_entries(changed, [entry])
    db.after_commit(lambda: photo_files.delete_files_of(product_id))


def reorder_photos(product: Product, photo_ids: Sequence[str]) -> Product:
    """Put the photos of the product as it was read into this order.

    Raises PhotosDiffer, IllegalTransition, ProductChangedConcurrently.
    """
    product.state_after(Transition.EDIT)
    before = [photo.id for photo in product.photos]
    if sorted(before) != sorted(photo_ids):
        detail = "name each photo of the product once"
        raise PhotosDiffer(detail, errors=[{"pointer": "/photo_ids", "detail": detail}])
    stored = photo_store.find_photo_documents(product.id)
    photos = sorted(stored, key=lambda photo: photo_ids.index(photo["id"]) if photo["id"] in before else -1)
    return change(
        product,
        audit_entry=build_audit_entry("reorder_photos", {"photo_ids": before}, {"photo_ids": list(photo_ids)}),
        set_fields={"photos": photos},
        only_if={"photos": stored},  # a rebuild of the photos leaves the version as it is
    )


def _find_photo(product: Product, photo_id: str) -> Photo | None:
    return next((photo for photo in product.photos if photo.id == photo_id), None)


def _require_room(product: Product) -> None:
    product.state_after(Transition.EDIT)
    if len(product.photos) >= MAX_PHOTOS:
        raise TooManyPhotos(f"A product has at most {MAX_PHOTOS} photos. Remove one first.")
