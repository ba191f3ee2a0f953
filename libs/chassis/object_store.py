"""Files in S3, with presigned forms to upload and presigned URLs to read them."""

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
    title = "The photo store is unavailable for now"


@dataclass(frozen=True)
class Bucket:
    """One bucket of S3. Calls raise PhotoStoreUnavailable (503) while S3 is unavailable."""

    name: str

    def presigned_form(self, key: str, content_type: str, max_bytes: int, seconds: int) -> dict[str, Any]:
        """The `url` and `fields` of an S3 POST that accepts this key and media type only, up to this size."""
        form = aws.s3().generate_presigned_post(
            Bucket=self.name,
            Key=key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, max_bytes]],
            ExpiresIn=seconds,
        )
        return {"url": form["url"], "fields": form["fields"]}

    def presigned_url(self, key: str, seconds: int) -> str:
        """A URL at which anyone can read the file for `seconds`; computed without the network."""
        params = {"Bucket": self.name, "Key": key}
        return aws.s3().generate_presigned_url("get_object", Params=params, ExpiresIn=seconds)

    def get_size(self, key: str) -> int | None:
        """The size of the file in bytes; None when it does not exist."""
        from botocore.exceptions import ClientError

        try:
            with _guarded():
                return aws.s3().head_object(Bucket=self.name, Key=key)["ContentLength"]
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
                return None
            raise

    def read(self, key: str, max_bytes: int) -> bytes:
        """The content of the file, up to `max_bytes`."""
        with _guarded():
            return aws.s3().get_object(Bucket=self.name, Key=key)["Body"].read(max_bytes)

    def read_or_none(self, key: str, max_bytes: int) -> bytes | None:
        """The content of the file, up to `max_bytes`; None when it does not exist."""
        return None if self.get_size(key) is None else self.read(key, max_bytes)

    def delete(self, key: str) -> None:
        """Delete the file, if it exists."""
        with _guarded():
            aws.s3().delete_object(Bucket=self.name, Key=key)

    def write(self, key: str, content: bytes, content_type: str, *, cache_control: str | None = None) -> None:
        more: Any = {"CacheControl": cache_control} if cache_control else {}
        with _guarded():
            aws.s3().put_object(Bucket=self.name, Key=key, Body=content, ContentType=content_type, **more)

    def create_if_missing(self) -> None:
        """Create the bucket on the local platform and in tests; in AWS the infrastructure code does."""
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
def _guarded() -> Iterator[None]:
    from botocore import exceptions

    try:
        with circuit_breaker.guarded(_circuit(settings().aws_endpoint_url), PhotoStoreUnavailable):
            yield
    except (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.ClientError) as error:
        if not circuit_breaker.is_aws_outage(error):
            raise
        raise PhotoStoreUnavailable("Repeat the request in a moment.") from error
