"""Photos of a product: presigned form, upload straight to S3, a check that it is a picture (story d-po-06)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from libs.chassis import uploads
from libs.chassis.uploads import FORM_VALID_FOR, PhotoNotFound, TooManyPhotos
from services.shopping import announcements, moments, photo_store, product_store
from services.shopping.inventory import get_product
from services.shopping.photo_store import PhotoUpload
from services.shopping.products import Move, Photo
from services.shopping.settings import shopping_settings

MOST_PHOTOS = 12


@dataclass(frozen=True)
class UploadTicket:
    photo_id: str
    upload: dict[str, Any]
    expires_at: Any


def create_upload(product_id: str, photo_id: str, content_type: str, size: int) -> UploadTicket:
    """A form with which this file (bytes, type) can be put into S3 under a key nobody can guess.

    Raises ProductNotFound, IllegalProductMove, TooManyPhotos.
    """
    product = get_product(product_id)
    product.after(Move.EDIT)
    if len(product.photos) >= MOST_PHOTOS:
        raise TooManyPhotos(f"A product has at most {MOST_PHOTOS} photos.")
    upload = photo_store.insert_upload(
        PhotoUpload(
            id=photo_id,
            product_id=product_id,
            key=uploads.new_key(f"products/{product_id}", content_type),
            content_type=content_type,
            size=size,
            expires_at=moments.now() + FORM_VALID_FOR,
        )
    )
    form = uploads.form_for(photo_store.photo_bucket(), upload)
    return UploadTicket(photo_id, form, upload.expires_at)


def complete_upload(product_id: str, photo_id: str) -> Photo:
    """Checks what was uploaded and shows it on the product; a second time it is the same photo.

    Raises PhotoNotFound, PhotoNotUploaded, PhotoUnlikePromise, NotAnImage, IllegalProductMove.
    """
    product = get_product(product_id)
    for photo in product.photos:
        if photo.id == photo_id:
            return photo
    upload = photo_store.find_upload(product_id, photo_id)
    if upload is None:
        raise PhotoNotFound(f"No upload {photo_id} was asked for.")
    product.after(Move.EDIT)
    width, height = uploads.measured(photo_store.photo_bucket(), upload)
    photo = Photo(photo_id, upload.key, upload.content_type, width, height)
    entry = announcements.audit_entry("complete_photo_upload", None, {"photo_id": photo_id})
    stored = {name: value for name, value in vars(photo).items() if name != "sizes"}
    changed = product_store.add_photo(product_id, {**stored, "sizes_wanted": True}, entry)
    if changed is not None:
        announcements.announce(changed, [entry])
    return photo


def public_url(photo: Photo) -> str:
    """The largest that there is: the file as it was uploaded only until its sizes are made."""
    return url_of_key(photo.sizes[-1].key if photo.sizes else photo.key)


def url_of_key(key: str) -> str:
    return f"{shopping_settings().photo_base_url.rstrip('/')}/{key}"
