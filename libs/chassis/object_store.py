"""Files in S3: presigned forms to put them there, presigned addresses to read them, and looking at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from libs.chassis import aws, circuit_breaker
from libs.chassis.problems import Unavailable
from libs.chassis.runtime import per_process
from libs.chassis.settings import settings


class PhotoStoreUnavailable(Unavailable):
    slug = "photo-store-unavailable"
    title = "The store of photos is away for now"


@dataclass(frozen=True)
class Bucket:
    """One bucket of S3. A fault of the network is PhotoStoreUnavailable (503)."""

    name: str

    def presigned_form(self, key: str, content_type: str, max_bytes: int, seconds: int) -> dict[str, Any]:
        """The `url` and `fields` of an S3 POST that takes exactly this key and type, up to this size."""
        form = aws.s3().generate_presigned_post(
            Bucket=self.name,
            Key=key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, max_bytes]],
            ExpiresIn=seconds,
        )
        return {"url": form["url"], "fields": form["fields"]}

    def presigned_url(self, key: str, seconds: int) -> str:
        """Where whoever has this address can read the file for so long; made without the network."""
        where = {"Bucket": self.name, "Key": key}
        return aws.s3().generate_presigned_url("get_object", Params=where, ExpiresIn=seconds)

    def get_size(self, key: str) -> int | None:
        """The size in bytes of the file under this key; None when nothing was uploaded."""
        from botocore.exceptions import ClientError

        try:
            with _answering():
                return aws.s3().head_object(Bucket=self.name, Key=key)["ContentLength"]
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
                return None
            raise

    def read(self, key: str, max_bytes: int) -> bytes:
        """The file's bytes, at most this many."""
        with _answering():
            return aws.s3().get_object(Bucket=self.name, Key=key)["Body"].read(max_bytes)

    def read_or_none(self, key: str, max_bytes: int) -> bytes | None:
        """The file's bytes, at most this many; None when there is no such file."""
        return None if self.get_size(key) is None else self.read(key, max_bytes)

    def delete(self, key: str) -> None:
        """Deletes the file; one that is not there is no error."""
        with _answering():
            aws.s3().delete_object(Bucket=self.name, Key=key)

    def write(self, key: str, content: bytes, content_type: str, *, cache_control: str | None = None) -> None:
        more: Any = {"CacheControl": cache_control} if cache_control else {}
        with _answering():
            aws.s3().put_object(Bucket=self.name, Key=key, Body=content, ContentType=content_type, **more)

    def create_if_missing(self) -> None:
        """Makes the bucket where no infrastructure code made it (the local platform and tests)."""
        from botocore.exceptions import ClientError

        configuration: Mapping[str, Any] = {}
        if settings().aws_region != "us-east-1":
            configuration = {"CreateBucketConfiguration": {"LocationConstraint": settings().aws_region}}
        try:
            aws.s3().create_bucket(Bucket=self.name, **configuration)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise


@per_process
def _circuit(_endpoint: str | None) -> circuit_breaker.Circuit:
    return circuit_breaker.breaker("photo store", circuit_breaker.is_aws_outage)


@contextmanager
def _answering() -> Iterator[None]:
    from botocore import exceptions

    try:
        with circuit_breaker.guarded(_circuit(settings().aws_endpoint_url), PhotoStoreUnavailable):
            yield
    except (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.ClientError) as error:
        if not circuit_breaker.is_aws_outage(error):
            raise
        raise PhotoStoreUnavailable("Repeat the request in a moment.") from error
