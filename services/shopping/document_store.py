"""Collections of DocumentDB whose documents carry a `schema_version`, and times as DocumentDB stores them.

Only features that DocumentDB has are used: no `$text`, no `$facet`, no transactions across documents, no retryable
writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bson.codec_options import CodecOptions
from pymongo.collection import Collection

from libs.chassis import clock
from libs.chassis.documents import mongo_database

Document = dict[str, Any]
Upgrade = Callable[[Document], Document]


@dataclass(frozen=True)
class DocumentCollection:
    """A collection and the upgrades of its documents: `upgrades[n]` turns a document of version n into n + 1."""

    name: str
    upgrades: Mapping[int, Upgrade] = field(default_factory=dict)

    @property
    def schema_version(self) -> int:
        return 1 + len(self.upgrades)

    def __call__(self) -> Collection[Document]:
        options: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
        collection: Collection[Document] = mongo_database().get_collection(self.name, codec_options=options)
        return collection

    def add_version(self, document: Document) -> Document:
        """The document as it is inserted."""
        return {**document, "schema_version": self.schema_version}

    def upgrade(self, document: Document) -> Document:
        """A stored document in the current schema; the stored one stays as it is."""
        for version in range(document["schema_version"], self.schema_version):
            document = {**self.upgrades[version](document), "schema_version": version + 1}
        return document


def get_current_time() -> datetime:
    """The current time as it is read back from DocumentDB."""
    return to_stored_time(clock.now())


def to_stored_time(time: datetime) -> datetime:
    """The time without what is finer than a millisecond, the resolution of a BSON date."""
    return time - timedelta(microseconds=time.microsecond % 1000)
