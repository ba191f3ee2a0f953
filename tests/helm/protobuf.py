"""Kubernetes' protobuf encoding of a Secret, in which Helm keeps its releases: only what is needed of it.

The fields' numbers are those of `generated.proto` of k8s.io/api/core/v1 and k8s.io/apimachinery.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

MAGIC = b"k8s\x00"


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message that hold bytes, with their numbers."""
    place = 0
    while place < len(message):
        key, place = _number(message, place)
        if key & 7 == 2:
            length, place = _number(message, place)
            yield key >> 3, message[place : place + length]
            place += length
        elif key & 7 == 0:
            _, place = _number(message, place)
        else:
            raise ValueError(f"field of type {key & 7}")


def _number(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _pair(entry: bytes) -> tuple[str, bytes]:
    fields = dict(_fields(entry))
    return fields.get(1, b"").decode(), fields.get(2, b"")


def secret(body: bytes) -> dict[str, Any]:
    """A Secret from a request's body."""
    unknown = dict(_fields(body.removeprefix(MAGIC)))
    fields = list(_fields(unknown[2]))
    metadata = list(_fields(dict(fields)[1]))
    labels = dict(_pair(entry) for number, entry in metadata if number == 11)
    data = dict(_pair(entry) for number, entry in fields if number == 2)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": dict(metadata)[1].decode(),
            "labels": {name: value.decode() for name, value in labels.items()},
        },
        "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
        "type": dict(fields)[3].decode(),
    }
