"""Photos that a client uploads directly to S3: a form for the announced file, and the check of the upload."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Protocol

from libs.chassis.images import measure_image
from libs.chassis.object_store import Bucket
from libs.chassis.problems import Conflict, NotFound, Unprocessable

# By media type; the contracts allow these.
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
FORM_VALID_FOR = timedelta(minutes=15)


class PhotoNotFound(NotFound):
    slug = "photo-not-found"
    title = "The photo does not exist"


class PhotoNotUploaded(Conflict):
    slug = "photo-not-uploaded"
    title = "The photo has not been uploaded"


class TooManyPhotos(Conflict):
    slug = "too-many-photos"
    title = "The maximum number of photos is reached"


class UploadMismatch(Unprocessable):
    slug = "photo-mismatch"
    title = "The uploaded file is not the announced one"


class AnnouncedFile(Protocol):
    """A file that may be uploaded: its announced key, media type and size in bytes."""

    @property
    def key(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def size(self) -> int: ...


def new_key(folder: str, content_type: str) -> str:
    """A random key in `folder`."""
    return f"{folder}/{secrets.token_urlsafe(24)}.{EXTENSIONS[content_type]}"


def create_form(bucket: Bucket, announced: AnnouncedFile) -> dict[str, object]:
    """The form that uploads exactly this file, valid for FORM_VALID_FOR."""
    seconds = int(FORM_VALID_FOR.total_seconds())
    return bucket.presigned_form(announced.key, announced.content_type, announced.size, seconds)


def measure_upload(bucket: Bucket, announced: AnnouncedFile) -> tuple[int, int]:
    """Width and height in pixels of the uploaded image, which is decoded completely.

    Raises: PhotoNotUploaded, UploadMismatch, NotAnImage, PhotoStoreUnavailable.
    """
    return measure_image(read_upload(bucket, announced), announced.content_type)


def read_upload(bucket: Bucket, announced: AnnouncedFile) -> bytes:
    """The content of the uploaded file. Raises PhotoNotUploaded, UploadMismatch, PhotoStoreUnavailable."""
    size = bucket.get_size(announced.key)
    if size is None:
        raise PhotoNotUploaded("Upload the file with the form first.")
    if size != announced.size:
        raise UploadMismatch(f"{size} bytes were uploaded, {announced.size} were announced.")
    return bucket.read(announced.key, announced.size)
