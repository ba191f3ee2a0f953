"""What the client of the document store asks of every write."""

from __future__ import annotations

from libs.chassis import documents


def test_a_write_is_acknowledged_when_it_is_durable() -> None:
    database = documents._database("mongodb://documents.test:27017/shopping?retryWrites=false", None)
    assert database.write_concern.document == {"w": "majority", "j": True}
    database.client.close()
