"""What the tests of the cloud share."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3

from infra import environment as environments

ENVIRONMENTS = environments.names()
REGION = "eu-central-1"
_CREDENTIALS = {"aws_access_key_id": "emulated", "aws_secret_access_key": "emulated"}


@cache
def client(service: str) -> Any:
    """A client of boto3; it talks to the emulator or to nobody."""
    return boto3.client(service, REGION, **_CREDENTIALS)  # type: ignore[call-overload]
