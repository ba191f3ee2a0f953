"""SNS and SQS go away, come back, and lose what they had: events are late, and none is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.chassis import messaging, outbox_relay, topology
from tests.integration.messaging.conftest import HELD, Platform, data, effects, eventually, process
from tests.integration.messaging.emulator import Emulator


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    made = Emulator(tmp_path / "emulator")
    made.start()
    yield made
    made.kill()


@pytest.fixture
def platform(
    tmp_path: Path, emulator: Emulator, valkey_server: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    """With an emulator of its own, and relays that look after the topology often."""
    monkeypatch.setattr(outbox_relay, "LOOK_SECONDS", 0.3)
    monkeypatch.setattr(outbox_relay, "LATE_SUBSCRIBERS_SECONDS", 3.0)
    monkeypatch.setattr(outbox_relay, "MAX_PAUSE_SECONDS", 1.0)
    made = Platform()
    made.handle_by_effect()
    with process(f"sqlite:///{tmp_path / 'test.db'}", emulator.url, valkey_server, made.admin):
        made.provision()
        yield made


def boxes(*numbers: int) -> set[str]:
    return {data(number)["box_id"] for number in numbers}


def test_events_made_while_sns_is_away_are_sent_when_it_is_back(platform: Platform, emulator: Emulator) -> None:
    with platform.relaying(platform.locker, platform.admin), platform.working():
        platform.publish(1)
        eventually(lambda: set(effects()) == boxes(1), "the event before")
        emulator.kill()
        platform.publish(2, 3)
        emulator.start()
        platform.publish(4)
        eventually(lambda: set(effects()) == boxes(1, 2, 3, 4), "the events of the outage", 60)
    assert len(effects()) == 4


def test_messages_lost_with_the_emulator_are_sent_again(platform: Platform, emulator: Emulator) -> None:
    """They were taken by SNS, and no worker had received them."""
    with platform.relaying(platform.locker):
        platform.publish(1, 2)
        eventually(lambda: platform.waiting_in("inbox")[0] == 2, "both in the queue")
    emulator.kill()
    emulator.start()
    with platform.relaying(platform.locker, platform.admin), platform.working():
        eventually(lambda: set(effects()) == boxes(1, 2), "the lost events", 60)
    assert len(effects()) == 2


def test_a_subscriber_that_is_back_first_does_not_hide_that_the_topic_was_lost(
    platform: Platform, emulator: Emulator
) -> None:
    """The subscriber's own topology makes the publisher's topic, so that publishing to it works again."""
    with platform.relaying(platform.locker):
        platform.publish(1)
        eventually(lambda: platform.waiting_in("inbox")[0] == 1, "the event in the queue")
    emulator.kill()
    emulator.start()
    topology.ensure_topology(platform.admin)
    messaging.forget_queues()
    with platform.relaying(platform.locker), platform.working():
        eventually(lambda: set(effects()) == boxes(1), "the lost event", 60)


def test_a_subscriber_that_is_back_last_gets_what_was_sent_before(platform: Platform, emulator: Emulator) -> None:
    emulator.kill()
    emulator.start()
    late = threading.Event()
    made_again = topology.ensure_topology

    def tell(registry: object) -> object:
        late.set()
        return made_again(registry)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topology, "ensure_topology", tell)
        with platform.relaying(platform.locker):
            assert late.wait(10)
            platform.publish(1)
            eventually(lambda: not _waits(), "the event taken by a topic without subscribers")
            with platform.relaying(platform.admin), platform.working():
                eventually(lambda: set(effects()) == boxes(1), "the event sent once more", 60)


def _waits() -> bool:
    from sqlalchemy import select

    from libs.chassis import db
    from libs.chassis.tables import OutboxRow

    with db.unit_of_work(reads_only=True) as session:
        return session.scalars(select(OutboxRow).where(OutboxRow.published_at.is_(None))).first() is not None


def test_the_topology_of_production_is_made_by_nobody_here(platform: Platform, emulator: Emulator) -> None:
    from libs.chassis import settings

    emulator.kill()
    emulator.start()
    platform.publish(1)
    made = outbox_relay.Relay(platform.locker, threading.Event())
    with settings.overridden(environment="production"):
        made._do_what_is_due()
        with pytest.raises(topology.aws("sqs").exceptions.QueueDoesNotExist):
            made.send_batch()
    assert topology.aws("sns").list_topics()["Topics"] == []
    assert HELD in platform.locker.published
    assert _waits()
