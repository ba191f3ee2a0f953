"""Photos of a check: uploaded straight to S3, looked at when the result is recorded (story d-po-02)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from libs.chassis import clock, uploads
from libs.chassis.db import session
from libs.chassis.object_store import Bucket
from libs.chassis.problems import Unprocessable
from libs.chassis.uploads import FORM_VALID_FOR, TooManyPhotos
from services.admin import work_orders
from services.admin.models import CheckPhoto, WorkOrder
from services.admin.settings import admin_settings
from services.admin.work_orders import AT_WORK, IllegalTransition

MOST_PHOTOS = 10
ADDRESS_VALID_SECONDS = 900


class UnknownPhoto(Unprocessable):
    slug, title = "unknown-photo", "No such photo was announced for this check"


def promise(work_order_id: str, person_id: str, photo_id: str, content_type: str, size: int) -> CheckPhoto:
    """A photo that may be uploaded for an own check; the same `photo_id` again is the same.

    NotFound, IllegalTransition when nobody is at work on it, TooManyPhotos.
    """
    work_order = work_orders.lock_own("checking", work_order_id, person_id)
    known = session().get(CheckPhoto, photo_id)
    if known is not None:
        return known
    if work_order.state not in AT_WORK:
        raise IllegalTransition(f"a check that is {work_order.state} takes no photos")
    pending = CheckPhoto.work_order_id == work_order_id, CheckPhoto.expires_at > clock.now()
    _require_at_most((session().scalar(select(func.count()).where(*pending)) or 0) + 1)
    photo = CheckPhoto(
        id=photo_id,
        work_order_id=work_order_id,
        key=uploads.new_key(f"checks/{work_order_id}", content_type),
        content_type=content_type,
        size=size,
        expires_at=clock.now() + FORM_VALID_FOR,
    )
    session().add(photo)
    session().flush()
    return photo


def take(work_order: WorkOrder, photo_ids: Sequence[str]) -> None:
    """Show these photos with the result, when all are there and are pictures.

    TooManyPhotos, UnknownPhoto, PhotoNotUploaded, UploadMismatch, NotAnImage, PhotoStoreUnavailable.
    """
    _require_at_most(len(photo_ids))
    taken = []
    for position, photo_id in enumerate(photo_ids):
        photo = session().get(CheckPhoto, photo_id)
        if photo is None or photo.work_order_id != work_order.id:
            detail = "announce the photo first, and upload it"
            raise UnknownPhoto(detail, errors=[{"pointer": f"/photo_ids/{position}", "detail": detail}])
        uploads.measured(photo_bucket(), photo)
        taken.append({"id": photo.id, "key": photo.key})
    work_order.photo_keys = taken


def _require_at_most(count: int) -> None:
    if count > MOST_PHOTOS:
        raise TooManyPhotos(f"a check has at most {MOST_PHOTOS} photos")


def address_of(key: str) -> str:
    """Where the photo can be read for a quarter of an hour."""
    return photo_bucket().presigned_address(key, ADDRESS_VALID_SECONDS)


def photo_bucket() -> Bucket:
    return Bucket(admin_settings().photo_bucket)
