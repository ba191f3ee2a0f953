"""Photos of donated pieces: only their donor and staff see them, by addresses that end after a while (d-pr-02)."""

from __future__ import annotations

from typing import Any

from libs.chassis import clock, uploads
from libs.chassis.db import session
from libs.chassis.object_store import Bucket
from libs.chassis.uploads import FORM_VALID_FOR, PhotoNotFound, TooManyPhotos
from services.customer.models import DonatingItem, DonatingPhoto
from services.customer.settings import customer_settings

MOST_PHOTOS = 6
ADDRESS_VALID_SECONDS = 900


def promise(item: DonatingItem, photo_id: str, content_type: str, size: int) -> DonatingPhoto:
    """A photo that may be uploaded now; the same `photo_id` again is the same. TooManyPhotos."""
    for photo in item.photos:
        if photo.id == photo_id:
            return photo
    now = clock.now()
    item.photos[:] = [one for one in item.photos if one.is_uploaded or one.expires_at > now]
    _require_room(len(item.photos))
    photo = DonatingPhoto(
        id=photo_id,
        key=uploads.new_key(f"donations/{item.id}", content_type),
        content_type=content_type,
        size=size,
        expires_at=clock.now() + FORM_VALID_FOR,
    )
    item.photos.append(photo)
    session().flush()
    return photo


def form_of(photo: DonatingPhoto) -> dict[str, Any]:
    return uploads.create_form(photo_bucket(), photo)


def complete(item: DonatingItem, photo: DonatingPhoto) -> None:
    """Decode what was uploaded, once, and show it with its item, which is locked.

    TooManyPhotos, PhotoNotUploaded, UploadMismatch, NotAnImage, PhotoStoreUnavailable.
    """
    if not photo.is_uploaded:
        _require_room(sum(one.is_uploaded for one in item.photos))
        photo.width, photo.height = uploads.measure_upload(photo_bucket(), photo)


def _require_room(count: int) -> None:
    if count >= MOST_PHOTOS:
        raise TooManyPhotos(f"a piece has at most {MOST_PHOTOS} photos; remove one first")


def photo_of(item: DonatingItem, photo_id: str) -> DonatingPhoto:
    for photo in item.photos:
        if photo.id == photo_id:
            return photo
    raise PhotoNotFound


def remove(item: DonatingItem, photo_id: str) -> None:
    item.photos.remove(photo_of(item, photo_id))


def address_of(photo: DonatingPhoto) -> str:
    """Where the photo can be read for a quarter of an hour."""
    return photo_bucket().presigned_url(photo.key, ADDRESS_VALID_SECONDS)


def photo_bucket() -> Bucket:
    return Bucket(customer_settings().photo_bucket)
