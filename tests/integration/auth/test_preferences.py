"""Notification settings: channels, locale, phone number and push devices."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from libs.chassis import messaging
from libs.chassis.clock import freeze, now
from services.auth import demo
from services.auth.notifications import jobs, outgoing_messages, sns
from tests.integration.auth.auth_api import AuthApi, slug

PHONE = "+351912345678"
SETTINGS = "notification-settings"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """The messages that were sent: channel, recipient, text."""
    messages: list[tuple[str, str, str]] = []

    def record(channel: str) -> Callable[[str, str, str], None]:
        return lambda recipient, _subject, text: messages.append((channel, recipient, text))

    monkeypatch.setattr(sns, "send_sms", record("sms"))
    monkeypatch.setattr(sns, "send_push", record("push"))
    monkeypatch.setattr(sns, "create_endpoint", lambda platform, token: f"arn:{platform}:{token}")
    monkeypatch.setattr(messaging, "notify", lambda *message: messages.append(message[:3]))
    return messages


@pytest.fixture
def buyer(api: AuthApi) -> str:
    demo.load()
    token: str = api.log_in("buyer@reclothes.example", demo.PASSWORD).json()["access_token"]
    return token


def dispatch_code(sent: list[tuple[str, str, str]]) -> str:
    jobs.dispatch_messages()
    match = re.search(r"[0-9]{6}", sent[-1][2])
    assert match
    return match.group()


def expire_order(api: AuthApi, order: str = "1") -> None:
    order_id = "bor_" + order * 32
    data = {"buyer_id": demo.user_id("buyer@reclothes.example"), "order_id": order_id, "product_ids": []}
    api.auth.deliver("customer.buying_order.expired.v1", data)


def test_email_and_push_are_enabled_by_default_and_sms_is_not(api: AuthApi, buyer: str) -> None:
    response = api.request(buyer, "GET", SETTINGS).json()
    channels = {"email": True, "sms": False, "push": True}
    assert response == {"preferences": channels | {"locale": "en"}, "phone_number": None}


def test_the_locale_changes_only_to_a_supported_one(api: AuthApi, buyer: str) -> None:
    path, channels = f"{SETTINGS}/preferences", {"email": True, "sms": False, "push": True}
    assert api.request(buyer, "PUT", path, json=channels | {"locale": "ja"}).status_code == 200
    for unknown in ("tlh", "de_DE", "root", "x" * 36, ""):
        rejected = api.request(buyer, "PUT", path, json=channels | {"locale": unknown})
        assert (rejected.status_code, rejected.json()["errors"][0]["pointer"]) == (400, "/locale")
    assert api.request(buyer, "PUT", path, json=channels).json()["preferences"] == channels | {"locale": "ja"}


def test_sms_requires_a_confirmed_phone_number(api: AuthApi, buyer: str, sent: list[Any]) -> None:
    preferences = {"email": False, "sms": True, "push": False}
    rejected = api.request(buyer, "PUT", f"{SETTINGS}/preferences", json=preferences)
    assert (rejected.status_code, slug(rejected)) == (409, "no-phone-number")
    response = api.request(buyer, "POST", f"{SETTINGS}/phone-confirmations", json={"phone_number": PHONE})
    assert response.status_code == 202
    code = dispatch_code(sent)
    assert sent[-1][:2] == ("sms", PHONE)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    assert slug(api.request(buyer, "PUT", f"{SETTINGS}/phone-number", json={"code": wrong})) == "wrong-code"
    response = api.request(buyer, "PUT", f"{SETTINGS}/phone-number", json={"code": code})
    assert response.json()["phone_number"] == PHONE
    assert slug(api.request(buyer, "PUT", f"{SETTINGS}/phone-number", json={"code": code})) == "code-not-valid"
    assert api.request(buyer, "PUT", f"{SETTINGS}/preferences", json=preferences).status_code == 200
    expire_order(api)
    jobs.dispatch_messages()
    assert [message[:2] for message in sent[1:]] == [("sms", PHONE)], "by SMS only"
    api.request(buyer, "DELETE", f"{SETTINGS}/phone-number")
    assert api.request(buyer, "GET", SETTINGS).json()["preferences"]["sms"] is False


@pytest.mark.real_servers
def test_a_code_is_void_after_too_many_wrong_attempts(api: AuthApi, buyer: str, sent: list[Any]) -> None:
    api.request(buyer, "POST", f"{SETTINGS}/phone-confirmations", json={"phone_number": PHONE})
    code = dispatch_code(sent)
    for number in range(1, 6):
        wrong = f"{(int(code) + number) % 1_000_000:06d}"
        assert api.request(buyer, "PUT", f"{SETTINGS}/phone-number", json={"code": wrong}).status_code == 422
    assert api.request(buyer, "PUT", f"{SETTINGS}/phone-number", json={"code": code}).status_code == 410


def test_a_code_expires_after_ten_minutes_and_requests_are_limited(
    api: AuthApi, buyer: str, sent: list[Any]
) -> None:
    for _ in range(outgoing_messages.MAX_PER_HOUR):
        response = api.request(buyer, "POST", f"{SETTINGS}/phone-confirmations", json={"phone_number": PHONE})
        assert response.status_code == 202
    rejected = api.request(buyer, "POST", f"{SETTINGS}/phone-confirmations", json={"phone_number": PHONE})
    assert (rejected.status_code, rejected.headers["Retry-After"]) == (429, "3600")
    code = dispatch_code(sent)
    with freeze(now() + timedelta(minutes=10, seconds=1)):
        assert api.request(buyer, "PUT", f"{SETTINGS}/phone-number", json={"code": code}).status_code == 410


@pytest.mark.real_servers
def test_codes_to_several_numbers_are_limited_per_user(api: AuthApi, buyer: str) -> None:
    numbers = [f"+35191234567{number}" for number in range(outgoing_messages.MAX_PER_HOUR + 1)]
    paths = f"{SETTINGS}/phone-confirmations"
    statuses = [api.request(buyer, "POST", paths, json={"phone_number": number}).status_code for number in numbers]
    assert statuses == [202] * outgoing_messages.MAX_PER_HOUR + [429]


def test_each_device_is_notified_once_of_an_event(api: AuthApi, buyer: str, sent: list[Any]) -> None:
    device_tokens = ("phone-phone-phone", "tablet-tablet-tab")
    for device_token in device_tokens:
        body = {"platform": "fcm", "device_token": device_token}
        assert api.request(buyer, "POST", f"{SETTINGS}/devices", json=body).status_code == 201
    for _ in range(2):
        expire_order(api)
    jobs.dispatch_messages()
    jobs.dispatch_messages()
    recipients = sorted(message[:2] for message in sent)
    assert recipients == [
        ("email", "buyer@reclothes.example"),
        ("push", "arn:fcm:phone-phone-phone"),
        ("push", "arn:fcm:tablet-tablet-tab"),
    ]
    assert len(api.request(buyer, "GET", "notifications").json()["items"]) == 1


def test_a_device_moves_to_its_latest_user_and_can_be_removed(api: AuthApi, buyer: str, sent: list[Any]) -> None:
    body = {"platform": "fcm", "device_token": "phone-phone-phone"}
    api.request(buyer, "POST", f"{SETTINGS}/devices", json=body)
    donor = api.log_in("donor@reclothes.example", demo.PASSWORD).json()["access_token"]
    device_id = api.request(donor, "POST", f"{SETTINGS}/devices", json=body).json()["id"]
    assert api.request(buyer, "GET", f"{SETTINGS}/devices").json()["items"] == []
    assert api.request(buyer, "DELETE", f"{SETTINGS}/devices/{device_id}").status_code == 404
    assert api.request(donor, "DELETE", f"{SETTINGS}/devices/{device_id}").status_code == 204
    assert api.request(donor, "GET", f"{SETTINGS}/devices").json()["items"] == []


def test_an_unregistered_device_does_not_block_other_messages(
    api: AuthApi, buyer: str, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    api.request(buyer, "POST", f"{SETTINGS}/devices", json={"platform": "fcm", "device_token": "phone-phone-phone"})

    def raise_recipient_unreachable(*_: Any) -> None:
        raise sns.RecipientUnreachable("EndpointDisabled")

    monkeypatch.setattr(sns, "send_push", raise_recipient_unreachable)
    expire_order(api)
    jobs.dispatch_messages()
    assert [message[0] for message in sent] == ["email"]
    assert all(message.due_at is None for message in api.mails() if message.channel == "push")


def test_sms_are_postponed_while_sns_is_unavailable(
    api: AuthApi, buyer: str, sent: list[Any], monkeypatch: Any
) -> None:
    api.request(buyer, "POST", f"{SETTINGS}/phone-confirmations", json={"phone_number": PHONE})

    def raise_connection_error(*_: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(sns, "send_sms", raise_connection_error)
        jobs.dispatch_messages()
    assert sent == []
    with freeze(now() + timedelta(seconds=6)):
        jobs.dispatch_messages()
    assert [message[0] for message in sent] == ["sms"]
    assert api.mails()[-1].text == "", "the code is not stored"


def test_a_platform_without_an_application_is_rejected(api: AuthApi, buyer: str) -> None:
    body = {"platform": "apns", "device_token": "phone-phone-phone"}
    response = api.request(buyer, "POST", f"{SETTINGS}/devices", json=body)
    assert (response.status_code, slug(response)) == (422, "push-not-supported")
