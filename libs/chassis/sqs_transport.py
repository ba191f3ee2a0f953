"""Kombu's SQS transport on the process's own boto3 clients.

By itself it makes a boto3 session and a client for each connection, some megabytes each, with settings of its own.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import SQS

from libs.chassis import topology


class Channel(SQS.Channel):  # type: ignore[misc] # kombu has no types
    def new_sqs_client(self, *_args: Any, **_more: Any) -> Any:
        return topology.aws("sqs", self.transport_options["read_seconds"])


class Transport(SQS.Transport):  # type: ignore[misc]
    Channel = Channel
