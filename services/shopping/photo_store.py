"""Photos in S3, and the uploads that were promised but not completed yet (collection `photo_uploads`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bson.codec_options import CodecOptions
from pymongo import ASCENDING
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from libs.chassis.documents import mongo_database
from libs.chassis.problems import Unavailable
from services.shopping.products import Document
from services.shopping.settings import shopping_settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# A promised upload is forgotten by the database a day after its form has expired.
SECONDS_KEPT_AFTER_EXPIRY = 24 * 3600


@dataclass(frozen=True)
class PhotoUpload:
    """A promise that a file of this type and size (bytes) may be put under `key` until `expires_at`."""

    id: str
    product_id: str
    key: str
    content_type: str
    size: int
    expires_at: datetime


def ensure_upload_indexes() -> None:
    _uploads().create_index([("expires_at", ASCENDING)], expireAfterSeconds=SECONDS_KEPT_AFTER_EXPIRY)


def insert_upload(upload: PhotoUpload) -> PhotoUpload:
    """Stores the promise; when its id is taken already (a repeated request) that one is returned."""
    document: Document = {"_id": upload.id, **vars(upload)}
    del document["id"]
    try:
        _uploads().insert_one(document)
    except DuplicateKeyError:
        return find_upload(upload.product_id, upload.id) or upload
    return upload


def find_upload(product_id: str, photo_id: str) -> PhotoUpload | None:
    document = _uploads().find_one({"_id": photo_id, "product_id": product_id})
    if document is None:
        return None
    return PhotoUpload(id=document.pop("_id"), **document)


def presigned_form(upload: PhotoUpload, seconds: int) -> dict[str, Any]:
    """The `url` and `fields` of an S3 POST that takes exactly this key and type, up to this size (bytes)."""
    form = s3_client().generate_presigned_post(
        Bucket=shopping_settings().photo_bucket,
        Key=upload.key,
        Fields={"Content-Type": upload.content_type},
        Conditions=[
            {"Content-Type": upload.content_type},
            ["content-length-range", 1, upload.size],
        ],
        ExpiresIn=seconds,
    )
    return {"url": form["url"], "fields": form["fields"]}


class PhotoStoreAway(Unavailable):
    slug = "photo-store-away"
    title = "The store of photos is away for now"


@contextmanager
def _s3_answering() -> Iterator[None]:
    from botocore.exceptions import HTTPClientError

    try:
        yield
    except HTTPClientError as error:
        raise PhotoStoreAway("Repeat the request in a moment.") from error


def stored_size(key: str) -> int | None:
    """The size in bytes of the object under this key; None when nothing was uploaded."""
    from botocore.exceptions import ClientError

    try:
        with _s3_answering():
            return s3_client().head_object(Bucket=shopping_settings().photo_bucket, Key=key)["ContentLength"]
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
            return None
        raise


def read_photo(key: str, most_bytes: int) -> bytes:
    """The object's bytes, at most this many."""
    with _s3_answering():
        answer = s3_client().get_object(Bucket=shopping_settings().photo_bucket, Key=key)
        return answer["Body"].read(most_bytes)


def store_photo(key: str, content: bytes, content_type: str) -> None:
    s3_client().put_object(Bucket=shopping_settings().photo_bucket, Key=key, Body=content, ContentType=content_type)


def ensure_bucket() -> None:
    """Makes the bucket where no infrastructure code made it (the local platform and tests)."""
    from botocore.exceptions import ClientError

    settings = shopping_settings()
    configuration: Mapping[str, Any] = {}
    if settings.aws_region != "us-east-1":
        configuration = {"CreateBucketConfiguration": {"LocationConstraint": settings.aws_region}}
    try:
        s3_client().create_bucket(Bucket=settings.photo_bucket, **configuration)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise


@lru_cache(maxsize=1)
def s3_client() -> S3Client:
    """One client per process; boto3 is imported only where a photo is touched."""
    import boto3
    from botocore.config import Config

    settings = shopping_settings()
    return boto3.client(
        "s3",
        region_name=settings.aws_region,
        endpoint_url=settings.aws_endpoint_url,
        config=Config(
            signature_version="s3v4",
            connect_timeout=2,
            read_timeout=10,
            retries={"max_attempts": 2, "mode": "standard"},
            max_pool_connections=16,
            # An emulator has one host name for all buckets.
            s3={"addressing_style": "path" if settings.aws_endpoint_url else "virtual"},
        ),
    )


def _uploads() -> Collection[Document]:
    options: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
    collection: Collection[Document] = mongo_database().get_collection("photo_uploads", codec_options=options)
    return collection
