"""Duplicate handlers and jobs fail the start, because the second one would never run."""

from __future__ import annotations

from typing import Any

import pytest

from libs.chassis import events
from libs.chassis.events import Event, EventError, EventRegistry

PAID = "customer.buying_order.paid.v1"


def registered(registry: EventRegistry) -> None:
    @registry.handles(PAID)
    def take(_event: Event) -> None:
        pass

    @registry.consumes("cart")
    def work(_message: dict[str, Any]) -> None:
        pass

    @registry.every(seconds=1)
    def sweep() -> None:
        pass


def test_handlers_of_one_event_have_different_names() -> None:
    registry = EventRegistry("locker")
    registered(registry)

    def take(_event: Event) -> None:
        pass

    with pytest.raises(EventError, match="take"):
        registry.handles(PAID)(take)
    registry.handles("customer.buying_order.expired.v1")(take)
    assert len(registry.handlers[PAID]) == 1


def test_a_queue_has_one_handler() -> None:
    registry = EventRegistry("locker")
    registered(registry)
    with pytest.raises(EventError, match="cart"):
        registry.consumes("cart")(lambda _message: None)


def test_jobs_have_different_names() -> None:
    registry = EventRegistry("locker")
    registered(registry)

    def sweep() -> None:
        pass

    with pytest.raises(EventError, match="sweep"):
        registry.every(seconds=5)(sweep)


def test_an_event_that_is_too_large_is_not_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_check", lambda *_: None)
    registry = EventRegistry("locker")
    with pytest.raises(EventError, match="The maximum is 60000"):
        registry.publish("locker.box.held.v1", subject="box_1", data={"text": "ä" * 30_001})
