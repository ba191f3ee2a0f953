"""Photos of a check: uploaded directly to S3, and validated when the result is recorded (story d-po-02)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from libs.chassis import clock, uploads
from libs.chassis.db import session
from libs.chassis.object_store import Bucket
from libs.chassis.problems import Unprocessable
from libs.chassis.state_machine import IllegalTransition
from libs.chassis.uploads import FORM_VALID_FOR, TooManyPhotos
from services.admin.checks.tables import CheckPhoto
from services.admin.settings import admin_settings
from services.admin.work import work_orders
from services.admin.work.rules import ACTIVE_STATES
from services.admin.work.tables import WorkOrder

MAX_PHOTOS = 10
URL_VALID_SECONDS = 900


class UnknownPhoto(Unprocessable):
    slug, title = "unknown-photo", "No such photo was announced for this check"


def announce(work_order_id: str, person_id: str, photo_id: str, content_type: str, size: int) -> CheckPhoto:
    """Announce a photo that may then be uploaded for an own check; idempotent for the same `photo_id`.

    Raises: NotFound, IllegalTransition unless the check is assigned or in progress, TooManyPhotos.
    """
    work_order = work_orders.lock_own("checking", work_order_id, person_id)
    existing = session().get(CheckPhoto, photo_id)
    if existing is not None:
        return existing
    if work_order.state not in ACTIVE_STATES:
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


def attach(work_order: WorkOrder, photo_ids: Sequence[str]) -> None:
    """Attach uploaded photos to the work order, after checking that all of them are images.

    Raises: TooManyPhotos, UnknownPhoto, PhotoNotUploaded, UploadMismatch, NotAnImage, PhotoStoreUnavailable.
    """
    _require_at_most(len(photo_ids))
    attached = []
    for position, photo_id in enumerate(photo_ids):
        photo = session().get(CheckPhoto, photo_id)
        if photo is None or photo.work_order_id != work_order.id:
            detail = "announce the photo first, and upload it"
            raise UnknownPhoto(detail, errors=[{"pointer": f"/photo_ids/{position}", "detail": detail}])
        uploads.measure_upload(photo_bucket(), photo)
        attached.append({"id": photo.id, "key": photo.key})
    work_order.photo_keys = attached


def _require_at_most(count: int) -> None:
    if count > MAX_PHOTOS:
        raise TooManyPhotos(f"a check has at most {MAX_PHOTOS} photos")


def photo_url(key: str) -> str:
    """A URL at which the photo can be read for URL_VALID_SECONDS."""
    return photo_bucket().presigned_url(key, URL_VALID_SECONDS)


def photo_bucket() -> Bucket:
    return Bucket(admin_settings().photo_bucket)
