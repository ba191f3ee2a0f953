"""The relay keeps events that SNS does not accept, and one of them does not block the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from libs.chassis import aws, clock, db, metrics, outbox_relay, retention, topology
from libs.chassis.events import EventRegistry
from libs.chassis.tables import OutboxRow

ARN = "arn:aws:sns:eu-central-1:000000000000:unit-locker-events"


class FakeSns:
    """Accepts batches, except the messages for which `rejects` returns True."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.failing_message: str | None = None
        self.code = "InvalidParameter"
        self.rejects: Callable[[str], bool] = lambda _message: False

    def publish_batch(self, TopicArn: str, PublishBatchRequestEntries: list[dict[str, Any]]) -> dict[str, Any]:
        assert TopicArn == ARN
        if self.failing_message in [entry["Message"] for entry in PublishBatchRequestEntries]:
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "PublishBatch")
        self.batches.append([entry["Message"] for entry in PublishBatchRequestEntries])
        response: dict[str, Any] = {"Successful": [], "Failed": []}
        for entry in PublishBatchRequestEntries:
            outcome = "Failed" if self.rejects(entry["Message"]) else "Successful"
            response[outcome].append({"Id": entry["Id"], "Message": "InvalidParameter"})
        return response

    @property
    def attempted(self) -> list[str]:
        return [message for batch in self.batches for message in batch]


@pytest.fixture
def sns(process: None, monkeypatch: pytest.MonkeyPatch) -> FakeSns:
    fake = FakeSns()
    monkeypatch.setattr(aws, "client", lambda *_: fake)
    monkeypatch.setattr(topology, "topic_arn", lambda *_: ARN)
    return fake


@pytest.fixture
def relay(sns: FakeSns) -> outbox_relay.Relay:
    return outbox_relay.Relay(EventRegistry("locker"), threading.Event())


def add(*bodies: str) -> None:
    with db.unit_of_work() as session:
        for body in bodies:
            row = OutboxRow(event_id=f"evt_{body[:20]}", type="t", subject="s", version=1, body=body)
            row.created_at = clock.now()
            session.add(row)
            session.flush()


def waiting() -> list[str]:
    with db.unit_of_work(reads_only=True) as session:
        rows = select(OutboxRow.body).where(OutboxRow.published_at.is_(None)).order_by(OutboxRow.id)
        return list(session.scalars(rows))


def test_events_are_published_in_order(relay: outbox_relay.Relay, sns: FakeSns) -> None:
    bodies = [f"{number:02}" for number in range(25)]
    add(*bodies)
    assert [relay.publish_batch() for _ in range(4)] == [10, 10, 5, 0]
    assert sns.attempted == bodies
    assert waiting() == []


def test_ten_rejected_events_do_not_block_others(relay: outbox_relay.Relay, sns: FakeSns) -> None:
    corrupt = [f"bad{number}" for number in range(10)]
    add(*corrupt, "good")
    sns.rejects = lambda message: message.startswith("bad")
    relay.publish_batch()
    relay.publish_batch()
    assert waiting() == corrupt
    assert sns.batches == [corrupt, ["good"]]


SPOIL = {
    "no time": "UPDATE outbox SET created_at = 'yesterday' WHERE event_id = 'evt_spoilt'",
    "no text": "UPDATE outbox SET body = CAST(x'ff00fe' AS TEXT) WHERE event_id = 'evt_spoilt'",
    "no type": "UPDATE outbox SET type = x'ff' WHERE event_id = 'evt_spoilt'",
}


@pytest.mark.parametrize("statement", SPOIL.values(), ids=SPOIL.keys())
def test_an_unreadable_event_does_not_block_others(relay: outbox_relay.Relay, sns: FakeSns, statement: str) -> None:
    add("first", "corrupt", "last")
    with db.unit_of_work() as session:
        session.execute(text(statement))
    before = metrics.EVENTS.labels("out", "unreadable", "unreadable")._value.get()
    relay.publish_batch()
    assert {"first", "last"} <= set(sns.attempted)
    assert relay.publish_batch() == 0, "it is parked, not attempted again and again"
    parked = metrics.EVENTS.labels("out", "unreadable", "unreadable")._value.get() - before
    assert parked == ("corrupt" not in sns.attempted)


@pytest.mark.parametrize("moment", ["all together", "one by one"])
def test_a_database_error_parks_no_event(
    relay: outbox_relay.Relay, sns: FakeSns, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    add("first", "last")
    read, faults = outbox_relay._read, [OperationalError("", {}, Exception(2013, "Lost connection"))]
    if moment == "one by one":
        faults.append(TypeError("no text"))

    def fails(ids: Sequence[int]) -> list[outbox_relay.WaitingEvent]:
        if faults:
            raise faults.pop()
        return read(ids)

    monkeypatch.setattr(outbox_relay, "_read", fails)
    with pytest.raises(OperationalError):
        relay.publish_batch()
    assert relay.publish_batch() == 2
    assert sns.batches == [["first", "last"]]


def test_an_event_that_fails_its_batch_does_not_block_others(relay: outbox_relay.Relay, sns: FakeSns) -> None:
    add("first", "corrupt", "last")
    sns.failing_message = "corrupt"
    relay.publish_batch()
    assert waiting() == ["corrupt"]
    assert sns.attempted == ["first", "last"]
    assert relay.publish_batch() == 0


def test_a_missing_topic_parks_no_event(relay: outbox_relay.Relay, sns: FakeSns) -> None:
    add("first")
    sns.failing_message, sns.code = "first", "NotFound"
    with pytest.raises(ClientError):
        relay.publish_batch()
    sns.failing_message = None
    assert relay.publish_batch() == 1


def test_a_rejected_event_is_retried_and_has_its_reason(relay: outbox_relay.Relay, sns: FakeSns) -> None:
    add("later")
    sns.rejects = lambda _message: True
    relay.publish_batch()
    with db.unit_of_work(reads_only=True) as session:
        row = session.scalars(select(OutboxRow)).one()
        assert (row.attempts, row.last_error) == (1, "InvalidParameter")
    sns.rejects = lambda _message: False
    assert relay.publish_batch() == 0
    assert relay.publish_batch(parked=True) == 1
    assert waiting() == []


def test_a_batch_has_at_most_the_limit_of_sns(relay: outbox_relay.Relay, sns: FakeSns) -> None:
    large = [str(number) * 60_000 for number in range(6)]
    add(*large)
    while relay.publish_batch():
        pass
    assert [len(batch) for batch in sns.batches] == [4, 2]
    assert sns.attempted == large


def test_events_published_before_a_crash_are_published_again(
    relay: outbox_relay.Relay, sns: FakeSns, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("one")

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(relay, "_record", dies)
        relay.publish_batch()
    assert waiting() == ["one"]
    relay.publish_batch()
    assert sns.attempted == ["one", "one"]


def test_old_published_events_are_deleted(relay: outbox_relay.Relay, sns: FakeSns) -> None:
    with clock.freeze(clock.now() - retention.KEEP_EVENTS * 2):
        add("old")
        relay.publish_batch()
        add("old and waiting")
    add("new")
    retention.delete_expired()
    with db.unit_of_work(reads_only=True) as session:
        assert list(session.scalars(select(OutboxRow.body).order_by(OutboxRow.id))) == ["old and waiting", "new"]
