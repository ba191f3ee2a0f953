"""Documents of an earlier schema version are upgraded when they are read."""

from __future__ import annotations

import pytest

from services.shopping.document_store import Document, DocumentCollection, to_stored_time
from tests.unit.shopping.factories import NOW


def rename_name(document: Document) -> Document:
    return {**document, "title": document["name"]}


def add_season(document: Document) -> Document:
    return {**document, "season": "all"}


COLLECTION = DocumentCollection("products", upgrades={1: rename_name, 2: add_season})


def test_an_inserted_document_has_the_current_version() -> None:
    assert COLLECTION.add_version({"_id": "prd_1"}) == {"_id": "prd_1", "schema_version": 3}
    assert DocumentCollection("holds").add_version({})["schema_version"] == 1


@pytest.mark.parametrize(
    ("stored", "upgraded"),
    [
        ({"name": "Coat", "schema_version": 1}, {"name": "Coat", "title": "Coat", "season": "all"}),
        ({"title": "Coat", "schema_version": 2}, {"title": "Coat", "season": "all"}),
        ({"title": "Coat", "season": "winter", "schema_version": 3}, {"title": "Coat", "season": "winter"}),
    ],
)
def test_a_document_passes_all_upgrades_since_its_version(stored: Document, upgraded: Document) -> None:
    before = dict(stored)
    assert COLLECTION.upgrade(stored) == {**upgraded, "schema_version": 3}
    assert stored == before


def test_stored_times_have_milliseconds() -> None:
    assert to_stored_time(NOW.replace(microsecond=123_456)) == NOW.replace(microsecond=123_000)
