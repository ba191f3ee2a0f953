"""Photos that a client uploads straight to S3: a form for the announced file, then a look at what came."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Protocol

from libs.chassis.images import measure_image
from libs.chassis.object_store import Bucket
from libs.chassis.problems import Conflict, NotFound, Unprocessable

# The endings say to caches and downloads what the file is; the types are those the contracts allow.
ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
FORM_VALID_FOR = timedelta(minutes=15)


class PhotoNotFound(NotFound):
    slug = "photo-not-found"
    title = "There is no such photo"


class PhotoNotUploaded(Conflict):
    slug = "photo-not-uploaded"
    title = "The photo has not been uploaded"


class TooManyPhotos(Conflict):
    slug = "too-many-photos"
    title = "There are as many photos as there can be"


class UploadMismatch(Unprocessable):
    slug = "photo-mismatch"
    title = "The uploaded file is not the one that was announced"


class AnnouncedFile(Protocol):
    """A file that may be uploaded: key, type and size (bytes) as they were announced."""

    @property
    def key(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def size(self) -> int: ...


def new_key(folder: str, content_type: str) -> str:
    """A key in `folder` that nobody can guess."""
    return f"{folder}/{secrets.token_urlsafe(24)}.{ENDINGS[content_type]}"


def create_form(bucket: Bucket, announced: AnnouncedFile) -> dict[str, object]:
    """The form with which exactly this file can be uploaded, for FORM_VALID_FOR."""
    seconds = int(FORM_VALID_FOR.total_seconds())
    return bucket.presigned_form(announced.key, announced.content_type, announced.size, seconds)


def measure_upload(bucket: Bucket, announced: AnnouncedFile) -> tuple[int, int]:
    """Width and height in pixels of what was uploaded, decoded in full.

    Raises PhotoNotUploaded, UploadMismatch, NotAnImage, PhotoStoreUnavailable.
    """
    return measure_image(read_upload(bucket, announced), announced.content_type)


def read_upload(bucket: Bucket, announced: AnnouncedFile) -> bytes:
    """The file that was announced. Raises PhotoNotUploaded, UploadMismatch, PhotoStoreUnavailable."""
    size = bucket.get_size(announced.key)
    if size is None:
        raise PhotoNotUploaded("Upload the file with the form first.")
    if size != announced.size:
        raise UploadMismatch(f"{size} bytes were uploaded, {announced.size} were announced.")
    return bucket.read(announced.key, announced.size)
