"""A service publishes only events of its domain, with valid data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from libs.chassis import events, logs
from libs.chassis.events import Event, EventError, EventRegistry

HELD = "locker.box.held.v1"
DATA = {"box_id": "box_" + "0" * 32, "location_id": "loc_" + "0" * 32, "order_id": "bor_" + "0" * 32}


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The rows that publishing adds to the current transaction."""

    class FakeSession:
        rows: list[Any] = []

        def add(self, row: Any) -> None:
            self.rows.append(row)

    fake = FakeSession()
    fake.rows = []
    monkeypatch.setattr(events, "session", lambda: fake)
    return fake.rows


@pytest.fixture
def registry() -> EventRegistry:
    return EventRegistry("locker")


@pytest.mark.parametrize(
    "event_type", ["billing.payment.captured.v1", "lockers.box.held.v1", "locker.box.unheld.v1"]
)
def test_event_without_schema_in_the_domain_is_not_published(
    added: list[Any], registry: EventRegistry, event_type: str
) -> None:
    with pytest.raises(EventError, match="has no event"):
        registry.publish(event_type, subject="box_1", data=DATA)
    assert added == []


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({**DATA, "box_id": "7"}, "data/box_id"),
        ({name: DATA[name] for name in ("box_id", "order_id")}, "location_id"),
        ({**DATA, "more": 1}, "more"),
    ],
)
def test_invalid_data_is_not_published(
    added: list[Any], registry: EventRegistry, data: dict[str, Any], where: str
) -> None:
    with pytest.raises(EventError, match=where):
        registry.publish(HELD, subject="box_1", data=data)
    assert added == []


def test_a_published_event_is_a_cloud_event(added: list[Any], registry: EventRegistry) -> None:
    logs.bind(request_id="req-12345678")
    try:
        registry.publish(HELD, subject="box_1", data=DATA, version=3)
    finally:
        logs.clear()
    (row,) = added
    document = json.loads(row.body)
    assert document["specversion"] == "1.0"
    assert document["source"] == "/reclothes/locker"
    event = Event.from_document(document)
    assert (event.id, event.type, event.subject, event.version) == (row.event_id, HELD, "box_1", 3)
    assert event.data == DATA
    assert event.request_id == "req-12345678"


def test_a_document_without_its_attributes_is_rejected() -> None:
    with pytest.raises(KeyError):
        Event.from_document({"id": "evt_1", "type": HELD})


def test_every_schema_compiles() -> None:
    names = [path.name.removesuffix(".json") for path in events.SCHEMAS.glob("*.json")]
    assert names
    for name in names:
        events._validator(name)
