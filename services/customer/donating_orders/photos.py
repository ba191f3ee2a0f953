"""Photos of donated items, which their donor and staff see at signed URLs (story d-pr-02)."""

from __future__ import annotations

from typing import Any

from libs.chassis import clock, uploads
from libs.chassis.db import session
from libs.chassis.object_store import Bucket
from libs.chassis.uploads import FORM_VALID_FOR, PhotoNotFound, TooManyPhotos
from services.customer.donating_orders.tables import DonatingItem, DonatingPhoto
from services.customer.settings import customer_settings

MAX_PHOTOS = 6
URL_VALID_SECONDS = 900


def announce(item: DonatingItem, photo_id: str, content_type: str, size: int) -> DonatingPhoto:
    """Store a photo that is about to be uploaded; idempotent for a `photo_id`. TooManyPhotos."""
    for photo in item.photos:
        if photo.id == photo_id:
            return photo
    now = clock.now()
    item.photos[:] = [existing for existing in item.photos if existing.is_uploaded or existing.expires_at > now]
    _require_room(len(item.photos))
    photo = DonatingPhoto(
        id=photo_id,
        key=uploads.new_key(f"donations/{item.id}", content_type),
        content_type=content_type,
        size=size,
        expires_at=now + FORM_VALID_FOR,
    )
    item.photos.append(photo)
    session().flush()
    return photo


def build_upload_form(photo: DonatingPhoto) -> dict[str, Any]:
    return uploads.create_form(photo_bucket(), photo)


def complete(item: DonatingItem, photo: DonatingPhoto) -> None:
    """Decode the uploaded file and show it with its item, which is locked; idempotent.

    TooManyPhotos, PhotoNotUploaded, UploadMismatch, NotAnImage, PhotoStoreUnavailable.
    """
    if not photo.is_uploaded:
        _require_room(sum(existing.is_uploaded for existing in item.photos))
        photo.width, photo.height = uploads.measure_upload(photo_bucket(), photo)


def _require_room(count: int) -> None:
    if count >= MAX_PHOTOS:
        raise TooManyPhotos(f"an item has at most {MAX_PHOTOS} photos; remove one first")


def get_photo(item: DonatingItem, photo_id: str) -> DonatingPhoto:
    """The photo of the item with this id. PhotoNotFound."""
    for photo in item.photos:
        if photo.id == photo_id:
            return photo
    raise PhotoNotFound


def remove(item: DonatingItem, photo_id: str) -> None:
    item.photos.remove(get_photo(item, photo_id))


def sign_url(photo: DonatingPhoto) -> str:
    """A URL at which the photo can be read for a quarter of an hour."""
    return photo_bucket().presigned_url(photo.key, URL_VALID_SECONDS)


def photo_bucket() -> Bucket:
    return Bucket(customer_settings().photo_bucket)
