"""The relay keeps what SNS does not take, and lets one spoilt event hold up no other."""

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


class PlayedSns:
    """Takes batches; `refuses` says which messages it does not take."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.spoils_batch: str | None = None
        self.code = "InvalidParameter"
        self.refuses: Callable[[str], bool] = lambda _message: False

    def publish_batch(self, TopicArn: str, PublishBatchRequestEntries: list[dict[str, Any]]) -> dict[str, Any]:
        assert TopicArn == ARN
        if self.spoils_batch in [entry["Message"] for entry in PublishBatchRequestEntries]:
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "PublishBatch")
        self.batches.append([entry["Message"] for entry in PublishBatchRequestEntries])
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for entry in PublishBatchRequestEntries:
            outcome = "Failed" if self.refuses(entry["Message"]) else "Successful"
            answer[outcome].append({"Id": entry["Id"], "Message": "InvalidParameter"})
        return answer

    @property
    def tried(self) -> list[str]:
        return [message for batch in self.batches for message in batch]


@pytest.fixture
def sns(process: None, monkeypatch: pytest.MonkeyPatch) -> PlayedSns:
    played = PlayedSns()
    monkeypatch.setattr(aws, "client", lambda *_: played)
    monkeypatch.setattr(topology, "topic_arn", lambda *_: ARN)
    return played


@pytest.fixture
def made(sns: PlayedSns) -> outbox_relay.Relay:
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


def test_events_go_out_in_the_order_of_their_making(made: outbox_relay.Relay, sns: PlayedSns) -> None:
    bodies = [f"{number:02}" for number in range(25)]
    add(*bodies)
    assert [made.publish_batch() for _ in range(4)] == [10, 10, 5, 0]
    assert sns.tried == bodies
    assert waiting() == []


def test_ten_refused_events_hold_up_no_other(made: outbox_relay.Relay, sns: PlayedSns) -> None:
    spoilt = [f"bad{number}" for number in range(10)]
    add(*spoilt, "good")
    sns.refuses = lambda message: message.startswith("bad")
    made.publish_batch()
    made.publish_batch()
    assert waiting() == spoilt
    assert sns.batches == [spoilt, ["good"]]


SPOIL = {
    "no time": "UPDATE outbox SET created_at = 'yesterday' WHERE event_id = 'evt_spoilt'",
    "no text": "UPDATE outbox SET body = CAST(x'ff00fe' AS TEXT) WHERE event_id = 'evt_spoilt'",
    "no type": "UPDATE outbox SET type = x'ff' WHERE event_id = 'evt_spoilt'",
}


@pytest.mark.parametrize("statement", SPOIL.values(), ids=SPOIL.keys())
def test_an_unreadable_event_holds_up_no_other(made: outbox_relay.Relay, sns: PlayedSns, statement: str) -> None:
    add("first", "spoilt", "last")
    with db.unit_of_work() as session:
        session.execute(text(statement))
    before = metrics.EVENTS.labels("out", "unreadable", "unreadable")._value.get()
    made.publish_batch()
    assert {"first", "last"} <= set(sns.tried)
    assert made.publish_batch() == 0, "it is parked, not tried again and again"
    parked = metrics.EVENTS.labels("out", "unreadable", "unreadable")._value.get() - before
    assert parked == ("spoilt" not in sns.tried)


@pytest.mark.parametrize("moment", ["all together", "one by one"])
def test_a_database_that_fails_for_a_moment_parks_no_event(
    made: outbox_relay.Relay, sns: PlayedSns, monkeypatch: pytest.MonkeyPatch, moment: str
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
        made.publish_batch()
    assert made.publish_batch() == 2
    assert sns.batches == [["first", "last"]]


def test_an_event_for_which_sns_refuses_the_whole_batch_holds_up_no_other(
    made: outbox_relay.Relay, sns: PlayedSns
) -> None:
    add("first", "spoilt", "last")
    sns.spoils_batch = "spoilt"
    made.publish_batch()
    assert waiting() == ["spoilt"]
    assert sns.tried == ["first", "last"]
    assert made.publish_batch() == 0


def test_a_missing_topic_parks_no_event(made: outbox_relay.Relay, sns: PlayedSns) -> None:
    add("first")
    sns.spoils_batch, sns.code = "first", "NotFound"
    with pytest.raises(ClientError):
        made.publish_batch()
    sns.spoils_batch = None
    assert made.publish_batch() == 1


def test_a_refused_event_is_tried_again_and_says_why_it_waits(made: outbox_relay.Relay, sns: PlayedSns) -> None:
    add("later")
    sns.refuses = lambda _message: True
    made.publish_batch()
    with db.unit_of_work(reads_only=True) as session:
        row = session.scalars(select(OutboxRow)).one()
        assert (row.attempts, row.last_error) == (1, "InvalidParameter")
    sns.refuses = lambda _message: False
    assert made.publish_batch() == 0
    assert made.publish_batch(parked=True) == 1
    assert waiting() == []


def test_a_batch_is_no_larger_than_sns_takes(made: outbox_relay.Relay, sns: PlayedSns) -> None:
    large = [str(number) * 60_000 for number in range(6)]
    add(*large)
    while made.publish_batch():
        pass
    assert [len(batch) for batch in sns.batches] == [4, 2]
    assert sns.tried == large


def test_events_sent_before_a_crash_could_note_it_are_sent_again(
    made: outbox_relay.Relay, sns: PlayedSns, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("one")

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(made, "_record", dies)
        made.publish_batch()
    assert waiting() == ["one"]
    made.publish_batch()
    assert sns.tried == ["one", "one"]


def test_what_was_sent_long_ago_is_forgotten(made: outbox_relay.Relay, sns: PlayedSns) -> None:
    with clock.freeze(clock.now() - retention.KEEP_EVENTS * 2):
        add("old")
        made.publish_batch()
        add("old and waiting")
    add("new")
    retention.delete_expired()
    with db.unit_of_work(reads_only=True) as session:
        assert list(session.scalars(select(OutboxRow.body).order_by(OutboxRow.id))) == ["old and waiting", "new"]
