"""A row that cannot be processed or rendered does not block the others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from sqlalchemy import select, text, update

from libs.chassis import db, messaging, metrics
from libs.chassis.clock import freeze, now
from services.auth import demo
from services.auth.accounts.tables import User
from services.auth.notifications import jobs
from services.auth.notifications.tables import Notification, OutgoingMessage
from services.auth.passwords import changes
from services.auth.passwords.tables import PasswordResetRequest
from services.auth.sessions.tables import Session
from tests.integration.auth.auth_api import EMAIL, AuthApi


def failures_of(job: str) -> float:
    return metrics.JOB_ITEMS_FAILED.labels(job)._value.get()


def refusal(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Publish")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The recipients of accepted messages; SNS rejects those to `broken@example.org`."""
    recipients: list[str] = []

    def notify(_channel: str, recipient: str, *_rest: str) -> None:
        if recipient == "broken@example.org":
            raise refusal("InvalidParameter", 400)
        recipients.append(recipient)

    monkeypatch.setattr(messaging, "notify", notify)
    return recipients


def store_messages(*recipients: str) -> None:
    start = now() - timedelta(minutes=1)
    with db.unit_of_work() as session:
        for number, recipient in enumerate(recipients):
            due_at = start + timedelta(seconds=number)
            row = OutgoingMessage(id=f"mail-{number}", channel="email", recipient=recipient, subject="x", text="x")
            row.created_at, row.due_at, row.attempts = start, due_at, 0
            session.add(row)


def test_a_message_that_sns_rejects_does_not_block_the_others(api: AuthApi, sent: list[str]) -> None:
    store_messages("broken@example.org", "ines@example.org", "rui@example.org")
    before = failures_of("dispatch messages")
    jobs.dispatch_messages()
    assert sent == ["ines@example.org", "rui@example.org"]
    assert failures_of("dispatch messages") == before + 1
    jobs.dispatch_messages()
    assert failures_of("dispatch messages") == before + 1, "it waits for its next attempt"
    with freeze(now() + timedelta(seconds=31)):
        jobs.dispatch_messages()
    assert failures_of("dispatch messages") == before + 2


@pytest.mark.parametrize(
    "error",
    [EndpointConnectionError(endpoint_url="x"), refusal("Throttling", 400), refusal("InternalError", 500)],
    ids=["connection", "throttling", "internal"],
)
def test_an_outage_of_sns_postpones_all_messages(
    api: AuthApi, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    recipients: list[str] = []

    def down(_channel: str, recipient: str, *_rest: str) -> None:
        recipients.append(recipient)
        raise error

    monkeypatch.setattr(messaging, "notify", down)
    store_messages("ines@example.org", "rui@example.org")
    jobs.dispatch_messages()
    assert recipients == ["ines@example.org"]
    assert {row.attempts for row in api.mails()} == {0}


def test_a_reset_request_that_fails_does_not_block_the_others(
    customer: AuthApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = changes.mail_reset_link

    def send_or_fail(email: str) -> None:
        if email == "broken@example.org":
            raise ValueError("broken")
        send(email)

    monkeypatch.setattr(changes, "mail_reset_link", send_or_fail)
    with db.unit_of_work() as session:
        session.add(PasswordResetRequest(id="lnk_0", email="broken@example.org"))
    before = failures_of("send password links")
    customer.request_reset_link(EMAIL)
    assert "new password" in customer.mails()[-1].subject
    assert failures_of("send password links") == before + 1


def omitted_from(table: str) -> float:
    return metrics.ROWS_OMITTED.labels(table)._value.get()


def test_invalid_notifications_are_omitted_from_the_list(customer: AuthApi) -> None:
    [user_id] = customer.user_ids()
    with db.unit_of_work() as session:
        for number in range(4):
            row = Notification(id=f"ntf_{number:032x}", user_id=user_id, template="receipt", title="Your receipt")
            row.text, row.created_at = "Thank you.", now() + timedelta(seconds=number)
            session.add(row)
        session.flush()
        session.execute(text("UPDATE notifications SET id = 'no id' WHERE id LIKE '%1'"))
        session.execute(text("UPDATE notifications SET read_at = 'never' WHERE id LIKE '%2'"))
    own = customer.auth.as_user("ines", "auth:notifications", sub=user_id)
    before = omitted_from("notifications")
    listed = own("GET", "/auth/v1/notifications")
    assert listed.status_code == 200
    assert [item["id"] for item in listed.json()["items"]] == [f"ntf_{number:032x}" for number in (3, 0)]
    assert omitted_from("notifications") == before + 2


def test_an_invalid_session_is_omitted_from_the_list(customer: AuthApi, token: str) -> None:
    customer.log_in()
    with db.unit_of_work() as session:
        newest = session.scalars(select(Session.id).order_by(Session.created_at.desc())).first()
        session.execute(update(Session).where(Session.id == newest).values(user_agent="x" * 300))
    listed = customer.request(token, "GET", "sessions")
    assert listed.status_code == 200
    assert [item["is_current"] for item in listed.json()["items"]] == [True]


def test_an_invalid_account_is_omitted_from_the_lists(api: AuthApi) -> None:
    demo.load()
    manager = api.staff_token()
    api.register("late@example.org")
    with db.unit_of_work() as session:
        session.execute(update(User).where(User.email.like("late%")).values(state="unknown"))
        session.execute(update(User).where(User.email.like("deliveryman%")).values(state="unknown"))
    for path, count in (("staff", 2), ("customers", 3)):
        listed = api.request(manager, "GET", path, "internal")
        assert (listed.status_code, len(listed.json()["items"])) == (200, count)
