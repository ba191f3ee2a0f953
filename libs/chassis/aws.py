"""boto3 clients with short time-outs, shared by the threads of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from libs.chassis.runtime import per_process
from libs.chassis.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READ_SECONDS = 5.0  # longer than a long poll of the workers


def client(service: str, read_seconds: float | None = None) -> Any:
    """The client of SNS or SQS."""
    return _client(service, read_seconds or READ_SECONDS, settings().aws_region, settings().aws_endpoint_url)


def s3() -> S3Client:
    return cast("S3Client", client("s3"))


# Threads may share a client, but not the session that builds it (boto3's guide); per_process builds one at a time.
@per_process
def _client(service: str, read_seconds: float, region: str, endpoint_url: str | None) -> Any:
    import boto3
    from botocore.config import Config

    options: dict[str, Any] = {}
    if service == "s3":
        options["signature_version"], options["max_pool_connections"] = "s3v4", 16
        # An emulator has one host name for all buckets.
        options["s3"] = {"addressing_style": "path" if endpoint_url else "virtual"}
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=region,
        endpoint_url=endpoint_url,
        config=Config(
            connect_timeout=1,
            read_timeout=read_seconds,
            retries={"total_max_attempts": 2, "mode": "standard"},
            **options,
        ),
    )
