"""Mails: from the row through SNS and the queue to the mail server, once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from libs.chassis import db, messaging, worker
from libs.chassis.clock import freeze, now
from libs.chassis.settings import overridden
from services.auth import retention
from services.auth.notifications import events, jobs, mail_server, outgoing_messages
from services.auth.notifications.tables import OutgoingMessage
from tests.integration.auth.conftest import variables
from tests.integration.auth.people import EMAIL, People
from tests.support import servers
from tests.support.harness import running
from tools.local_platform import messaging_resources


class Post:
    """A mail server that keeps what it gets, or answers `refusal`."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.refusal = ""

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def post() -> Iterator[Post]:
    """A mail server; the settings in the block point to it."""
    kept = Post()
    server = Controller(kept, hostname="127.0.0.1", port=servers.free_port())
    server.start()
    try:
        with overridden(smtp_url=f"smtp://127.0.0.1:{server.port}"):
            yield kept
    finally:
        server.stop()


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What SNS got."""
    taken: list[dict[str, str]] = []

    def notify(channel: str, recipient: str, subject: str, text: str, dedupe_id: str) -> None:
        taken.append({"channel": channel, "recipient": recipient, "text": text, "dedupe_id": dedupe_id})

    monkeypatch.setattr(messaging, "notify", notify)
    return taken


def test_a_mail_is_given_once_and_delivered_once(people: People, given: list[Any], post: Post) -> None:
    people.register()
    jobs.dispatch_messages()
    jobs.dispatch_messages()
    assert len(given) == 1
    for _ in range(2):
        events.deliver_mail(given[0])
    [mail] = post.taken
    assert (mail["To"], mail["Subject"]) == (EMAIL.lower(), "Confirm your email address for ReClothes")
    assert "https://www.test/verify-email#token=" in mail.get_content()
    assert given[0]["dedupe_id"] in mail["Message-ID"]


def test_a_link_is_neither_in_the_queue_nor_kept_after_delivery(
    people: People, given: list[Any], post: Post
) -> None:
    people.register()
    token = people.link_token()
    jobs.dispatch_messages()
    assert token not in str(given)
    events.deliver_mail(given[0])
    assert people.mails()[0].text == ""
    assert people.confirm(token).status_code == 204


def test_what_is_not_delivered_is_given_again_later_and_later(people: People, given: list[Any], post: Post) -> None:
    people.register()
    moment = now()
    for after, expected in ((0, 1), (29, 1), (31, 2), (80, 2), (92, 3)):
        with freeze(moment + timedelta(seconds=after)):
            jobs.dispatch_messages()
        assert len(given) == expected, f"after {after} s"
    events.deliver_mail(given[0])
    with freeze(moment + timedelta(days=1)):
        jobs.dispatch_messages()
    assert len(given) == 3


def test_a_mail_that_nobody_takes_is_given_up_after_days(people: People, given: list[Any]) -> None:
    people.register()
    with freeze(now() + timedelta(days=4)):
        jobs.dispatch_messages()
    assert given == []


def test_without_sns_mails_wait(people: People, monkeypatch: pytest.MonkeyPatch, given: list[Any]) -> None:
    people.register()
    people.register("rui@example.org")
    takes = messaging.notify

    def away(*_arguments: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(messaging, "notify", away)
    moment = now()
    with freeze(moment):
        jobs.dispatch_messages()
    monkeypatch.setattr(messaging, "notify", takes)
    with freeze(moment + timedelta(seconds=6)):
        jobs.dispatch_messages()
    assert {mail["recipient"] for mail in given} == {"ines@example.org", "rui@example.org"}


@pytest.mark.real_servers
def test_of_two_workers_one_gives_a_mail(people: People, given: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    people.register()
    with db.unit_of_work(reads_only=True):
        seen_by_both = outgoing_messages.list_due()
    monkeypatch.setattr(outgoing_messages, "list_due", lambda: seen_by_both)
    jobs.dispatch_messages()
    jobs.dispatch_messages()
    assert len(given) == 1


@pytest.mark.real_servers
def test_while_one_worker_delivers_another_one_keeps_off(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    people.register()
    mail_id = people.mails()[0].id
    delivered = []

    def deliver(*mail: str) -> None:
        delivered.append(mail)
        with pytest.raises(outgoing_messages.AlreadyClaimed):
            events.deliver_mail({"dedupe_id": mail_id})

    monkeypatch.setattr(mail_server, "deliver", deliver)
    events.deliver_mail({"dedupe_id": mail_id})
    assert len(delivered) == 1


def test_a_worker_that_died_on_the_way_holds_no_mail_for_long(people: People, post: Post) -> None:
    people.register()
    mail_id = people.mails()[0].id
    with db.unit_of_work():
        assert outgoing_messages.claim(mail_id) is not None
    with pytest.raises(outgoing_messages.AlreadyClaimed):
        events.deliver_mail({"dedupe_id": mail_id})
    with freeze(now() + timedelta(minutes=3)):
        events.deliver_mail({"dedupe_id": mail_id})
    assert len(post.taken) == 1


def test_a_mail_server_that_is_away_is_asked_again_and_named_without_addresses(people: People, post: Post) -> None:
    people.register()
    mail_id = people.mails()[0].id
    with overridden(smtp_url="smtp://127.0.0.1:9"), pytest.raises(mail_server.MailServerUnavailable) as caught:
        events.deliver_mail({"dedupe_id": mail_id})
    assert str(caught.value) == "ConnectionRefusedError"
    post.refusal = "451 4.3.0 greylisted ines@example.org"
    with pytest.raises(mail_server.MailServerUnavailable) as caught:
        events.deliver_mail({"dedupe_id": mail_id})
    assert "ines" not in str(caught.value)
    post.refusal = ""
    events.deliver_mail({"dedupe_id": mail_id})
    assert len(post.taken) == 1


def test_an_address_that_is_refused_for_good_is_not_tried_again(
    people: People, given: list[Any], post: Post
) -> None:
    people.register()
    post.refusal = "550 5.1.1 unknown"
    jobs.dispatch_messages()
    events.deliver_mail(given[0])
    with freeze(now() + timedelta(days=1)):
        jobs.dispatch_messages()
    assert (len(given), people.mails()[0].delivered_at) == (1, None)


def test_an_unknown_mail_goes_to_the_dead_letters(people: People) -> None:
    with pytest.raises(LookupError):
        events.deliver_mail({"dedupe_id": "verify-unknown"})


@pytest.mark.real_servers
def test_expired_rows_are_deleted_after_their_retention_period(verified: People) -> None:
    verified.log_in()
    verified.log_in(password="wrong-password")
    with freeze(now() + timedelta(days=29)), db.unit_of_work():
        retention.delete_expired_rows()
    assert len(verified.mails()) == 1
    with freeze(now() + timedelta(days=61)), db.unit_of_work():
        retention.delete_expired_rows()
    assert verified.mails() == []
    assert verified.log_in().status_code == 201


def test_a_mail_is_there_soon_through_the_real_queues(
    fresh_database: Callable[[str], str], aws_endpoint: str, valkey_server: str, tmp_path: Path
) -> None:
    """Registration → row → SNS → SQS → worker → mail server."""
    environment = variables(fresh_database("auth"), valkey_server, tmp_path)
    environment["RECLOTHES_AWS_ENDPOINT_URL"] = aws_endpoint
    kept, stop = Post(), threading.Event()
    server = Controller(kept, hostname="127.0.0.1", port=servers.free_port())
    server.start()
    environment["AUTH_SMTP_URL"] = f"smtp://127.0.0.1:{server.port}"
    with running("auth", environment) as auth:
        messaging_resources.create_topology(auth.service.events)
        threads = worker.create_threads(auth.service.events, stop)
        for thread in threads:
            thread.start()
        try:
            People(auth).register()
            deadline = time.monotonic() + 20
            while not kept.taken and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            stop.set()
            for thread in threads:
                thread.join(10)
            server.stop()
        assert [mail["To"] for mail in kept.taken] == [EMAIL.lower()]
        with db.unit_of_work(reads_only=True) as session:
            mail = session.query(OutgoingMessage).one()
            assert (mail.text, mail.due_at) == ("", None)
