"""Photos of a product: presigned form, upload straight to S3, then the files that pages show (story d-po-06)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from libs.chassis import db, uploads
from libs.chassis.problems import Unprocessable
from libs.chassis.uploads import FORM_VALID_FOR, PhotoNotFound, TooManyPhotos
from services.shopping import announcements, moments, photo_files, photo_sizes, photo_store, product_photos
from services.shopping.inventory import audited_change, get_product
from services.shopping.photo_store import PhotoUpload
from services.shopping.products import Move, Photo, Product, ProductChangedMeanwhile
from services.shopping.settings import shopping_settings

MOST_PHOTOS = 12
MOST_SHOWN = 20  # `maxItems` of the contract, for products of releases that did not limit completions


class PhotosDiffer(Unprocessable):
    slug = "photos-differ"
    title = "These are not the photos of the product"


@dataclass(frozen=True)
class UploadTicket:
    photo_id: str
    upload: dict[str, Any]
    expires_at: Any


def create_upload(product_id: str, photo_id: str, content_type: str, size: int) -> UploadTicket:
    """A form with which this file (bytes, type) can be put into S3 under a key nobody can guess.

    Raises ProductNotFound, IllegalTransition, TooManyPhotos.
    """
    _require_room(get_product(product_id))
    upload = photo_store.insert_upload(
        PhotoUpload(
            id=photo_id,
            product_id=product_id,
            key=uploads.new_key(photo_sizes.originals_folder(product_id), content_type),
            content_type=content_type,
            size=size,
            expires_at=moments.now() + FORM_VALID_FOR,
        )
    )
    form = uploads.create_form(photo_store.photo_bucket(), upload)
    return UploadTicket(photo_id, form, upload.expires_at)


def complete_upload(product_id: str, photo_id: str) -> Photo:
    """Makes of what was uploaded the files that pages show; a repeated request returns the same photo.

    Raises PhotoNotFound, PhotoNotUploaded, UploadMismatch, NotAnImage, TooManyPhotos, IllegalTransition.
    """
    product = get_product(product_id)
    if (known := _photo_of(product, photo_id)) is not None:
        return known
    upload = photo_store.find_upload(product_id, photo_id)
    if upload is None:
        raise PhotoNotFound(f"No upload {photo_id} was announced.")
    _require_room(product)
    content = uploads.read_upload(photo_store.photo_bucket(), upload)
    photo = photo_sizes.shown_photo(product_id, photo_id, upload.key, upload.content_type, content)
    entry = announcements.audit_entry("complete_photo_upload", None, {"photo_id": photo_id})
    changed = product_photos.add_photo(product_id, photo, entry, MOST_PHOTOS)
    if changed is None:
        return _completed_meanwhile(product_id, photo)
    announcements.announce(changed, [entry])
    return photo


def _completed_meanwhile(product_id: str, photo: Photo) -> Photo:
    """Why the photo was not added: another request did it, or filled the product, or it cannot be edited now."""
    product = get_product(product_id)
    if (known := _photo_of(product, photo.id)) is not None:
        return known
    _require_room(product)
    raise ProductChangedMeanwhile("Complete the upload again.")


def remove_photo(product_id: str, photo_id: str) -> None:
    """Removes a photo and, once that is committed, its files. Raises PhotoNotFound, IllegalTransition."""
    product = get_product(product_id)
    product.after(Move.EDIT)
    stored = next((one for one in product_photos.stored_photos(product_id) if one["id"] == photo_id), None)
    if stored is None:
        raise PhotoNotFound(f"The product has no photo {photo_id}.")
    ids = [one.id for one in product.photos]
    left = [one for one in ids if one != photo_id]
    entry = announcements.audit_entry("remove_photo", {"photo_ids": ids}, {"photo_ids": left})
    changed = product_photos.remove_photo(product_id, stored, entry)
    if changed is None:
        raise ProductChangedMeanwhile("Read the product again and repeat your change.")
    announcements.announce(changed, [entry])
    db.after_commit(lambda: photo_files.delete_due_of(product_id))


def reorder_photos(product: Product, photo_ids: Sequence[str]) -> Product:
    """Puts the photos of the product as it was read into this order.

    Raises PhotosDiffer, IllegalTransition, ProductChangedMeanwhile.
    """
    product.after(Move.EDIT)
    known = {photo.id: photo for photo in product.photos}
    if set(known) != set(photo_ids) or len(known) != len(photo_ids):
        detail = "name each photo of the product once"
        raise PhotosDiffer(detail, errors=[{"pointer": "/photo_ids", "detail": detail}])
    before, after = {"photo_ids": list(known)}, {"photo_ids": list(photo_ids)}
    stored = product_photos.stored_photos(product.id)
    photos = sorted(stored, key=lambda photo: photo_ids.index(photo["id"]) if photo["id"] in known else -1)
    # The conversion of stored photos (photo_conversion.py) leaves the version as it is.
    unconverted = {"photos": stored}
    return audited_change(
        product, "reorder_photos", before, after, set_fields={"photos": photos}, only_if=unconverted
    )


def _photo_of(product: Product, photo_id: str) -> Photo | None:
    return next((photo for photo in product.photos if photo.id == photo_id), None)


def _require_room(product: Product) -> None:
    product.after(Move.EDIT)
    if len(product.photos) >= MOST_PHOTOS:
        raise TooManyPhotos(f"A product has at most {MOST_PHOTOS} photos; remove one first.")


def shown_photos(product: Product) -> list[Photo]:
    """The photos that have files to show, up to as many as the contract allows."""
    return [photo for photo in product.photos if photo.sizes][:MOST_SHOWN]


def public_url(photo: Photo) -> str:
    """The largest file that there is; never the uploaded one."""
    return url_of_key(photo.sizes[-1].key)


def url_of_key(key: str) -> str:
    return f"{shopping_settings().photo_base_url.rstrip('/')}/{key}"
