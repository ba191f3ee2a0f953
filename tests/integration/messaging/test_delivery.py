"""An event is delivered from a transaction over outbox, SNS, SQS and worker to a handler's transaction, once."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import structlog
from sqlalchemy import func, select

from libs.chassis import aws, db, inbox, logs, messaging, topology, tracing, worker
from libs.chassis.events import Event
from libs.chassis.tables import InboxRow, OutboxRow
from tests.integration.messaging.conftest import HELD, Platform, data, do, document, effects, eventually


def count(table: Any) -> int:
    with db.unit_of_work(reads_only=True) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_an_event_reaches_the_handler_of_another_service(platform: Platform) -> None:
    seen: list[tuple[Event, str | None, str | None]] = []

    @platform.admin.handles(HELD)
    def take(event: Event) -> None:
        seen.append((event, logs.bound("request_id"), logs.bound("trace_id")))
        do(event.data["box_id"])

    platform.provision()
    tracing.configure("locker", None)
    logs.bind(request_id="req-12345678")
    with tracing.span("request", tracing.SpanKind.SERVER) as trace_id, db.unit_of_work():
        platform.locker.publish(HELD, subject="box_1", data=data(1), version=7)
    logs.clear()
    with platform.relaying(), platform.working():
        eventually(effects, "the effect of the event")
    ((event, request_id, seen_trace_id),) = seen
    assert (event.subject, event.version, event.data) == ("box_1", 7, data(1))
    assert event.source == "/reclothes/locker"
    assert (request_id, seen_trace_id) == ("req-12345678", trace_id)


def test_a_rolled_back_event_is_not_published(platform: Platform) -> None:
    platform.handle_by_effect()
    platform.provision()
    with pytest.raises(ZeroDivisionError), db.unit_of_work():
        platform.locker.publish(HELD, subject="box_1", data=data(1))
        db.session().flush()
        raise ZeroDivisionError
    platform.publish(2)
    with platform.relaying(), platform.working():
        eventually(effects, "the event of the second transaction")
    assert effects() == [data(2)["box_id"]]
    assert count(OutboxRow) == 1


@pytest.mark.real_servers
def test_a_duplicate_message_has_one_effect(platform: Platform) -> None:
    platform.handle_by_effect()
    platform.provision()
    twice, last = document(1), document(2)
    with platform.working():
        platform.put(twice)
        eventually(effects, "the first effect")
        platform.put(twice)
        platform.put(last)
        eventually(lambda: len(effects()) == 2 and platform.waiting_in("inbox") == (0, 0), "an empty queue")
    assert effects() == [data(1)["box_id"], data(2)["box_id"]]


@pytest.mark.real_servers
def test_two_concurrent_workers_with_the_same_event_have_one_effect(platform: Platform) -> None:
    both_are_there = threading.Barrier(2)
    event = json.loads(document(1))
    failures: list[BaseException] = []

    @platform.admin.handles(HELD)
    def take(event: Event) -> None:
        do(event.data["box_id"])

    def work() -> None:
        both_are_there.wait(10)
        try:
            inbox.dispatch(platform.admin, event)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert effects() == [data(1)["box_id"]]


@pytest.mark.real_servers
def test_each_handler_of_an_event_has_its_own_transaction(platform: Platform) -> None:
    fails = [True]

    @platform.admin.handles(HELD)
    def first(event: Event) -> None:
        do("first")

    @platform.admin.handles(HELD)
    def second(event: Event) -> None:
        do("second")
        if fails.pop():
            fails.append(False)
            raise RuntimeError("not yet")

    platform.provision()
    platform.put(document(1))
    with platform.working():
        eventually(lambda: len(effects()) == 2, "both effects")
    assert effects() == ["first", "second"]
    assert count(InboxRow) == 2


def test_only_handled_event_types_are_delivered(quick_platform: Platform) -> None:
    quick_platform.handle_by_effect()
    quick_platform.provision()
    arn = topology.topic_arn(topology.topic_name("locker"), "locker")
    for event_type in ("locker.audit.recorded.v1", HELD):
        attributes = {"type": {"DataType": "String", "StringValue": event_type}}
        aws.client("sns").publish(TopicArn=arn, Message=document(1), MessageAttributes=attributes)
    assert eventually(lambda: quick_platform.waiting_in("inbox")[0], "the event that is handled") == 1


def test_the_worker_handles_messages_of_a_work_queue(platform: Platform) -> None:
    seen: list[tuple[dict[str, Any], str | None]] = []

    @platform.admin.consumes("carts")
    def save(message: dict[str, Any]) -> None:
        seen.append((message, logs.bound("request_id")))
        do("saved")

    platform.provision()
    logs.bind(request_id="req-87654321")
    messaging.send_to_queue("carts", {"name": "Zoë", "type": "not an event"})
    logs.clear()
    with platform.working():
        eventually(effects, "the work")
    assert seen == [({"name": "Zoë", "type": "not an event"}, "req-87654321")]


def test_only_email_notifications_reach_the_mail_queue(quick_platform: Platform) -> None:
    seen: list[dict[str, Any]] = []
    quick_platform.admin.consumes("mail")(seen.append)
    quick_platform.provision()
    messaging.notify("push", "device", "Hello", "Not a mail", "n1")
    messaging.notify("email", "ana@example.com", "Hello", "Olá, Ana", "n2")
    with quick_platform.working():
        eventually(lambda: seen, "the mail")
    assert seen == [{"recipient": "ana@example.com", "subject": "Hello", "text": "Olá, Ana", "dedupe_id": "n2"}]


def test_the_log_has_event_handler_and_outcome(quick_platform: Platform) -> None:
    fails = [True]

    @quick_platform.admin.handles(HELD)
    def take(event: Event) -> None:
        do("done")
        if fails.pop():
            fails.append(False)
            raise RuntimeError("not yet")

    quick_platform.provision()
    event = document(1)
    quick_platform.put(event)
    contexts = [structlog.contextvars.merge_contextvars]
    with structlog.testing.capture_logs(processors=contexts) as lines, quick_platform.working():
        eventually(effects, "the effect")
    lines = [line for line in lines if line["event"] == "message"]
    assert [line["outcome"] for line in lines] == ["failed", "handled"]
    for line in lines:
        assert (line["event_id"], line["type"], line["handler"]) == (json.loads(event)["id"], HELD, "take")
        assert line["ms"] > 0
    assert lines[0]["retry_in_s"] == 1


def test_a_slow_queue_does_not_block_others(quick_platform: Platform) -> None:
    may_end, slow_has_begun = threading.Event(), threading.Event()

    @quick_platform.admin.consumes("slow")
    def slow(_message: dict[str, Any]) -> None:
        slow_has_begun.set()
        may_end.wait(30)

    quick_platform.handle_by_effect()
    quick_platform.provision()
    messaging.send_to_queue("slow", {})
    with quick_platform.working():
        assert slow_has_begun.wait(10)
        quick_platform.put(document(1))
        eventually(effects, "the event, while the other queue is busy")
        may_end.set()


def test_provisioning_twice_changes_nothing(quick_platform: Platform) -> None:
    quick_platform.handle_by_effect()
    quick_platform.provision()
    quick_platform.provision()
    arn = topology.topic_arn(topology.topic_name("locker"), "locker")
    found = aws.client("sns").list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    url = topology.queue_url(topology.queue_name("admin"))
    queue = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert [one["Endpoint"] for one in found] == [queue["QueueArn"]]
    statements = json.loads(queue["Policy"])["Statement"]
    assert [one["Condition"] for one in statements] == [{"ArnEquals": {"aws:SourceArn": arn}}]
    assert json.loads(queue["RedrivePolicy"])["maxReceiveCount"] in (40, "40")


def test_attributes_of_an_existing_queue_are_corrected(
    quick_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topology, "MAX_RECEIVES", 3)
    quick_platform.provision()
    monkeypatch.undo()
    quick_platform.provision()
    url = topology.queue_url(topology.queue_name("admin"))
    queue = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert json.loads(queue["RedrivePolicy"])["maxReceiveCount"] in (40, "40")


def test_there_is_a_thread_for_each_queue_and_each_job(quick_platform: Platform) -> None:
    quick_platform.handle_by_effect()
    quick_platform.admin.consumes("carts")(lambda _message: None)
    quick_platform.admin.every(seconds=60)(quick_platform.provision)
    names = [thread.name for thread in worker.create_threads(quick_platform.admin, threading.Event())]
    prefix = topology.queue_name("admin", "")
    assert names == [f"{prefix}inbox", f"{prefix}carts", "provision"]
