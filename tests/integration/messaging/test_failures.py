"""Failing handlers, unreadable messages, and stopping workers."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from libs.chassis import aws, dead_letters, messaging, topology, worker
from libs.chassis.events import Event
from tests.integration.messaging.conftest import HELD, Platform, data, do, document, effects, eventually


def test_a_repeatedly_failing_message_is_a_dead_letter_and_can_be_replayed(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topology, "MAX_RECEIVES", 3)
    receives: list[int] = []
    delay_of = worker.retry_delay

    def noted(count: int) -> int:
        receives.append(count)
        return min(delay_of(count), 2)

    monkeypatch.setattr(worker, "retry_delay", noted)
    broken = [True]

    @platform.admin.handles(HELD)
    def take(event: Event) -> None:
        do(event.data["box_id"])
        if broken[0]:
            raise RuntimeError("no")

    platform.provision()
    event = document(1)
    platform.put(event)
    with platform.working():
        (letter,) = eventually(lambda: dead_letters.list_messages(platform.admin), "the dead letter", 60)
        assert receives == [1, 2, 3]
        assert effects() == []
        assert letter["event_id"] == json.loads(event)["id"]
        assert letter["queue"] == topology.queue_name("admin")
        assert (letter["type"], letter["subject"]) == (HELD, "s")
        assert dead_letters.list_messages(platform.admin) == [letter]
        broken[0] = False
        assert dead_letters.replay(platform.admin, "evt_of_something_else") == 0
        assert dead_letters.replay(platform.admin, letter["event_id"]) == 1
        eventually(effects, "the effect of the replayed event")
    assert dead_letters.list_messages(platform.admin) == []
    assert effects() == [data(1)["box_id"]]


def test_all_dead_letters_of_all_queues_are_replayed(quick_platform: Platform) -> None:
    quick_platform.admin.consumes("carts")(lambda _message: None)
    quick_platform.handle_by_effect()
    quick_platform.provision()
    for number in range(12):
        dead_letters.put(topology.queue_name("admin"), document(number))
    dead_letters.put(topology.queue_name("admin", "carts"), '{"message": {}}')
    assert len(dead_letters.list_messages(quick_platform.admin)) == 13
    assert dead_letters.replay(quick_platform.admin) == 13
    with quick_platform.working():
        eventually(lambda: len(effects()) == 12, "all events")


@pytest.mark.parametrize("body", ["not JSON", "[1, 2]", '"text"', "null", "bm90IEpTT04="])
def test_a_message_that_is_not_a_json_object_is_a_dead_letter_immediately(
    quick_platform: Platform, body: str
) -> None:
    quick_platform.handle_by_effect()
    quick_platform.provision()
    quick_platform.put(body)
    quick_platform.put(document(1))
    with quick_platform.working():
        eventually(effects, "the event behind it")
        eventually(lambda: dead_letters.list_messages(quick_platform.admin), "the dead letter")
        eventually(lambda: quick_platform.waiting_in("inbox") == (0, 0), "an empty queue")


def test_an_event_without_its_attributes_becomes_a_dead_letter(
    quick_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topology, "MAX_RECEIVES", 1)
    quick_platform.handle_by_effect()
    quick_platform.provision()
    quick_platform.put(json.dumps({"type": HELD, "data": {}}))
    with quick_platform.working():
        (letter,) = eventually(lambda: dead_letters.list_messages(quick_platform.admin), "the dead letter")
    assert letter["event_id"] is None
    assert dead_letters.replay(quick_platform.admin, letter["message_id"]) == 1


def test_a_stopping_worker_finishes_its_message_and_returns_the_others(
    quick_platform: Platform,
) -> None:
    begun, may_end = threading.Event(), threading.Event()

    @quick_platform.admin.handles(HELD)
    def take(event: Event) -> None:
        begun.set()
        assert may_end.wait(30)
        do(event.data["box_id"])

    quick_platform.provision()
    for number in range(5):
        quick_platform.put(document(number))
    with quick_platform.working() as stop:
        assert begun.wait(10)
        stop.set()
        may_end.set()
    assert len(effects()) == 1
    assert quick_platform.waiting_in("inbox") == (4, 0)
    with quick_platform.working():
        eventually(lambda: len(effects()) == 5, "the others, in the next worker")


def test_a_failing_change_of_visibility_loses_no_message(
    quick_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topology, "VISIBILITY_SECONDS", 2)
    fails = [True]

    @quick_platform.admin.handles(HELD)
    def take(event: Event) -> None:
        if fails.pop():
            fails.append(False)
            raise RuntimeError("no")
        do(event.data["box_id"])

    quick_platform.provision()
    sqs = aws.client("sqs")

    def refuses(**_: Any) -> None:
        raise ConnectionError("SQS is away")

    monkeypatch.setattr(sqs, "change_message_visibility", refuses)
    quick_platform.put(document(1))
    with quick_platform.working():
        eventually(effects, "the event, after its visibility time-out")


def test_sending_to_an_unavailable_queue_raises(quick_platform: Platform) -> None:
    quick_platform.admin.consumes("carts")(lambda _message: None)
    with pytest.raises(messaging.QueueUnavailable) as raised:
        messaging.send_to_queue("carts", {})
    assert raised.value.status == 503
    quick_platform.provision()
    messaging.send_to_queue("carts", {})
    assert quick_platform.waiting_in("carts") == (1, 0)
