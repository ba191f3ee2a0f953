"""Photos of a product: presigned form, upload straight to S3, a check that it is a picture (story d-po-06)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from libs.chassis.problems import Conflict, NotFound, Unprocessable
from services.shopping import announcements, moments, photo_store, product_store
from services.shopping.inventory import get_product
from services.shopping.photo_images import measure_image
from services.shopping.photo_store import PhotoUpload
from services.shopping.products import Move, Photo
from services.shopping.settings import shopping_settings

# The endings say to caches and downloads what the file is; the types are those the contract allows.
ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
FORM_VALID_FOR = timedelta(minutes=15)
MOST_PHOTOS = 12


class PhotoNotFound(NotFound):
    slug = "photo-not-found"
    title = "There is no such photo"


class PhotoNotUploaded(Conflict):
    slug = "photo-not-uploaded"
    title = "The photo has not been uploaded"


class TooManyPhotos(Conflict):
    slug = "too-many-photos"
    title = "The product has as many photos as it can have"


class PhotoUnlikePromise(Unprocessable):
    slug = "photo-unlike-promise"
    title = "The uploaded file is not the one that was announced"


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
            key=f"products/{product_id}/{secrets.token_urlsafe(24)}.{ENDINGS[content_type]}",
            content_type=content_type,
            size=size,
            expires_at=moments.now() + FORM_VALID_FOR,
        )
    )
    form = photo_store.presigned_form(upload, int(FORM_VALID_FOR.total_seconds()))
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
    width, height = measure_image(_uploaded_content(upload), upload.content_type)
    photo = Photo(photo_id, upload.key, upload.content_type, width, height)
    entry = announcements.audit_entry("complete_photo_upload", None, {"photo_id": photo_id})
    changed = product_store.add_photo(product_id, vars(photo), entry)
    if changed is not None:
        announcements.announce(changed, [entry])
    return photo


def public_url(photo: Photo) -> str:
    return f"{shopping_settings().photo_base_url.rstrip('/')}/{photo.key}"


def _uploaded_content(upload: PhotoUpload) -> bytes:
    size = photo_store.stored_size(upload.key)
    if size is None:
        raise PhotoNotUploaded("Upload the file with the form first.")
    if size != upload.size:
        raise PhotoUnlikePromise(f"{size} bytes were uploaded, {upload.size} were announced.")
    return photo_store.read_photo(upload.key, upload.size)
