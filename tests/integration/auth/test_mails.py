"""Mails are delivered once: from the row through SNS and the queue to the mail server."""

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
from tests.integration.auth.auth_api import EMAIL, AuthApi
from tests.integration.auth.conftest import variables
from tests.support import servers
from tests.support.harness import running
from tools.local_platform import messaging_resources


class FakeMailServer:
    """A mail server that stores the mails it receives, or rejects them with `rejection`."""

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.rejection = ""

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if self.rejection:
            return self.rejection
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.received.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def smtp_server() -> Iterator[FakeMailServer]:
    """A running mail server that the settings point to."""
    fake_server = FakeMailServer()
    server = Controller(fake_server, hostname="127.0.0.1", port=servers.free_port())
    server.start()
    try:
        with overridden(smtp_url=f"smtp://127.0.0.1:{server.port}"):
            yield fake_server
    finally:
        server.stop()


@pytest.fixture
def dispatched(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The messages that were dispatched to SNS."""
    messages: list[dict[str, str]] = []

    def notify(channel: str, recipient: str, subject: str, text: str, dedupe_id: str) -> None:
        messages.append({"channel": channel, "recipient": recipient, "text": text, "dedupe_id": dedupe_id})

    monkeypatch.setattr(messaging, "notify", notify)
    return messages


def test_a_mail_is_dispatched_once_and_delivered_once(
    api: AuthApi, dispatched: list[Any], smtp_server: FakeMailServer
) -> None:
    api.register()
    jobs.dispatch_messages()
    jobs.dispatch_messages()
    assert len(dispatched) == 1
    for _ in range(2):
        events.deliver_mail(dispatched[0])
    [mail] = smtp_server.received
    assert (mail["To"], mail["Subject"]) == (EMAIL.lower(), "Confirm your email address for ReClothes")
    assert "https://www.test/verify-email#token=" in mail.get_content()
    assert dispatched[0]["dedupe_id"] in mail["Message-ID"]


def test_a_link_is_neither_in_the_queue_nor_stored_after_delivery(
    api: AuthApi, dispatched: list[Any], smtp_server: FakeMailServer
) -> None:
    api.register()
    token = api.link_token()
    jobs.dispatch_messages()
    assert token not in str(dispatched)
    events.deliver_mail(dispatched[0])
    assert api.mails()[0].text == ""
    assert api.verify_email(token).status_code == 204


def test_an_undelivered_mail_is_dispatched_again_with_backoff(
    api: AuthApi, dispatched: list[Any], smtp_server: FakeMailServer
) -> None:
    api.register()
    start = now()
    for after, expected in ((0, 1), (29, 1), (31, 2), (80, 2), (92, 3)):
        with freeze(start + timedelta(seconds=after)):
            jobs.dispatch_messages()
        assert len(dispatched) == expected, f"after {after} s"
    events.deliver_mail(dispatched[0])
    with freeze(start + timedelta(days=1)):
        jobs.dispatch_messages()
    assert len(dispatched) == 3


def test_an_undelivered_mail_expires_after_days(api: AuthApi, dispatched: list[Any]) -> None:
    api.register()
    with freeze(now() + timedelta(days=4)):
        jobs.dispatch_messages()
    assert dispatched == []


def test_mails_are_postponed_while_sns_is_unavailable(
    api: AuthApi, monkeypatch: pytest.MonkeyPatch, dispatched: list[Any]
) -> None:
    api.register()
    api.register("rui@example.org")
    notify = messaging.notify

    def unavailable(*_arguments: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(messaging, "notify", unavailable)
    start = now()
    with freeze(start):
        jobs.dispatch_messages()
    monkeypatch.setattr(messaging, "notify", notify)
    with freeze(start + timedelta(seconds=6)):
        jobs.dispatch_messages()
    assert {mail["recipient"] for mail in dispatched} == {"ines@example.org", "rui@example.org"}


@pytest.mark.real_servers
def test_only_one_of_two_workers_dispatches_a_mail(
    api: AuthApi, dispatched: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    api.register()
    with db.unit_of_work(reads_only=True):
        seen_by_both = outgoing_messages.list_due()
    monkeypatch.setattr(outgoing_messages, "list_due", lambda: seen_by_both)
    jobs.dispatch_messages()
    jobs.dispatch_messages()
    assert len(dispatched) == 1


@pytest.mark.real_servers
def test_only_one_worker_at_a_time_delivers_a_mail(api: AuthApi, monkeypatch: pytest.MonkeyPatch) -> None:
    api.register()
    mail_id = api.mails()[0].id
    delivered = []

    def deliver(*mail: str) -> None:
        delivered.append(mail)
        with pytest.raises(outgoing_messages.AlreadyClaimed):
            events.deliver_mail({"dedupe_id": mail_id})

    monkeypatch.setattr(mail_server, "deliver", deliver)
    events.deliver_mail({"dedupe_id": mail_id})
    assert len(delivered) == 1


def test_the_claim_of_a_crashed_worker_expires(api: AuthApi, smtp_server: FakeMailServer) -> None:
    api.register()
    mail_id = api.mails()[0].id
    with db.unit_of_work():
        assert outgoing_messages.claim(mail_id) is not None
    with pytest.raises(outgoing_messages.AlreadyClaimed):
        events.deliver_mail({"dedupe_id": mail_id})
    with freeze(now() + timedelta(minutes=3)):
        events.deliver_mail({"dedupe_id": mail_id})
    assert len(smtp_server.received) == 1


def test_an_unavailable_mail_server_is_retried_and_logged_without_addresses(
    api: AuthApi, smtp_server: FakeMailServer
) -> None:
    api.register()
    mail_id = api.mails()[0].id
    with overridden(smtp_url="smtp://127.0.0.1:9"), pytest.raises(mail_server.MailServerUnavailable) as caught:
        events.deliver_mail({"dedupe_id": mail_id})
    assert str(caught.value) == "ConnectionRefusedError"
    smtp_server.rejection = "451 4.3.0 greylisted ines@example.org"
    with pytest.raises(mail_server.MailServerUnavailable) as caught:
        events.deliver_mail({"dedupe_id": mail_id})
    assert "ines" not in str(caught.value)
    smtp_server.rejection = ""
    events.deliver_mail({"dedupe_id": mail_id})
    assert len(smtp_server.received) == 1


def test_a_permanently_rejected_address_is_not_retried(
    api: AuthApi, dispatched: list[Any], smtp_server: FakeMailServer
) -> None:
    api.register()
    smtp_server.rejection = "550 5.1.1 unknown"
    jobs.dispatch_messages()
    events.deliver_mail(dispatched[0])
    with freeze(now() + timedelta(days=1)):
        jobs.dispatch_messages()
    assert (len(dispatched), api.mails()[0].delivered_at) == (1, None)


def test_an_unknown_mail_goes_to_the_dead_letter_queue(api: AuthApi) -> None:
    with pytest.raises(LookupError):
        events.deliver_mail({"dedupe_id": "verify-unknown"})


@pytest.mark.real_servers
def test_expired_rows_are_deleted_after_their_retention_period(customer: AuthApi) -> None:
    customer.log_in()
    customer.log_in(password="wrong-password")
    with freeze(now() + timedelta(days=29)), db.unit_of_work():
        retention.delete_expired_rows()
    assert len(customer.mails()) == 1
    with freeze(now() + timedelta(days=61)), db.unit_of_work():
        retention.delete_expired_rows()
    assert customer.mails() == []
    assert customer.log_in().status_code == 201


def test_a_mail_is_delivered_through_real_queues(
    fresh_database: Callable[[str], str], aws_endpoint: str, valkey_server: str, tmp_path: Path
) -> None:
    """Registration → row → SNS → SQS → worker → mail server."""
    environment = variables(fresh_database("auth"), valkey_server, tmp_path)
    environment["RECLOTHES_AWS_ENDPOINT_URL"] = aws_endpoint
    fake_server, stop = FakeMailServer(), threading.Event()
    server = Controller(fake_server, hostname="127.0.0.1", port=servers.free_port())
    server.start()
    environment["AUTH_SMTP_URL"] = f"smtp://127.0.0.1:{server.port}"
    with running("auth", environment) as auth:
        messaging_resources.create_topology(auth.service.events)
        threads = worker.create_threads(auth.service.events, stop)
        for thread in threads:
            thread.start()
        try:
            AuthApi(auth).register()
            deadline = time.monotonic() + 20
            while not fake_server.received and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            stop.set()
            for thread in threads:
                thread.join(10)
            server.stop()
        assert [mail["To"] for mail in fake_server.received] == [EMAIL.lower()]
        with db.unit_of_work(reads_only=True) as session:
            mail = session.query(OutgoingMessage).one()
            assert (mail.text, mail.due_at) == ("", None)
