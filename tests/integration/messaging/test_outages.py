"""Outages of SNS and SQS, and an emulator that loses its state: events are delayed, and none is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.chassis import aws, clock, outbox_relay
from libs.chassis.outbox_relay import Relay
from tests.integration.messaging.conftest import Platform, data, effects, eventually, process
from tests.integration.messaging.emulator import Emulator
from tools.local_platform import emulator_recovery


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    fake = Emulator(tmp_path / "emulator")
    fake.start()
    yield fake
    fake.kill()


@pytest.fixture
def platform(
    tmp_path: Path, emulator: Emulator, valkey_server: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    """With an emulator of its own."""
    monkeypatch.setattr(outbox_relay, "MAX_PAUSE_SECONDS", 1.0)
    fake = Platform()
    fake.handle_by_effect()
    with process(f"sqlite:///{tmp_path / 'test.db'}", emulator.url, valkey_server, fake.admin):
        fake.provision()
        yield fake


def boxes(*numbers: int) -> set[str]:
    return {data(number)["box_id"] for number in numbers}


def test_events_of_an_outage_are_published_after_it(platform: Platform, emulator: Emulator) -> None:
    with platform.relaying(platform.locker), platform.working():
        platform.publish(1)
        eventually(lambda: set(effects()) == boxes(1), "the event before")
        emulator.kill()
        platform.publish(2, 3)
        emulator.start()
        platform.provision()
        emulator_recovery.republish()  # the relay may have published to a topic without its subscription
        platform.publish(4)
        eventually(lambda: set(effects()) == boxes(1, 2, 3, 4), "the events of the outage", 60)
    assert len(effects()) == 4


def test_recovery_restores_topics_and_queues_and_publishes_recent_events_again(
    platform: Platform, emulator: Emulator
) -> None:
    """The events were accepted by SNS, and no worker had received them."""
    with clock.freeze(clock.now() - emulator_recovery.REPUBLISH * 2):
        platform.publish(1)
        Relay(platform.locker, threading.Event()).publish_batch()
    with platform.relaying(platform.locker):
        platform.publish(2, 3)
        eventually(lambda: platform.waiting_in("inbox")[0] == 3, "all in the queue")
    emulator.kill()
    emulator.start()
    platform.provision()
    emulator_recovery.republish()
    with platform.relaying(platform.locker), platform.working():
        eventually(lambda: set(effects()) == boxes(2, 3), "the lost events", 60)
    assert len(effects()) == 2


def test_services_do_not_create_missing_topics(platform: Platform, emulator: Emulator) -> None:
    emulator.kill()
    emulator.start()
    platform.publish(1)
    with pytest.raises(aws.client("sqs").exceptions.QueueDoesNotExist):
        Relay(platform.locker, threading.Event()).publish_batch()
    assert aws.client("sns").list_topics()["Topics"] == []
