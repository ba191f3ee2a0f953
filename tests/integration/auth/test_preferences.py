"""How one is told: channels, phone number, devices; SNS delivers, the emulator shows what it got."""

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
from tests.integration.auth.people import People, slug

PHONE = "+351912345678"
SETTINGS = "notification-settings"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """What SNS was given: channel, recipient, text."""
    kept: list[tuple[str, str, str]] = []

    def keep(channel: str) -> Callable[[str, str, str], None]:
        return lambda recipient, _subject, text: kept.append((channel, recipient, text))

    monkeypatch.setattr(sns, "send_sms", keep("sms"))
    monkeypatch.setattr(sns, "send_push", keep("push"))
    monkeypatch.setattr(sns, "create_endpoint", lambda platform, token: f"arn:{platform}:{token}")
    monkeypatch.setattr(messaging, "notify", lambda *given: kept.append((given[0], given[1], given[2])))
    return kept


@pytest.fixture
def buyer(people: People) -> str:
    demo.load()
    token: str = people.log_in("buyer@reclothes.example", demo.PASSWORD).json()["access_token"]
    return token


def code_in(sent: list[tuple[str, str, str]]) -> str:
    jobs.dispatch_messages()
    found = re.search(r"[0-9]{6}", sent[-1][2])
    assert found
    return found.group()


def order_expires(people: People, order: str = "1") -> None:
    order_id = "bor_" + order * 32
    data = {"buyer_id": demo.user_id("buyer@reclothes.example"), "order_id": order_id, "product_ids": []}
    people.auth.deliver("customer.buying_order.expired.v1", data)


def test_email_and_push_are_on_and_sms_is_off_at_first(people: People, buyer: str) -> None:
    answer = people.ask(buyer, "GET", SETTINGS).json()
    channels = {"email": True, "sms": False, "push": True}
    assert answer == {"preferences": channels | {"locale": "en"}, "phone_number": None}


def test_a_locale_is_kept_until_another_known_one_is_chosen(people: People, buyer: str) -> None:
    path, channels = f"{SETTINGS}/preferences", {"email": True, "sms": False, "push": True}
    assert people.ask(buyer, "PUT", path, json=channels | {"locale": "ja"}).status_code == 200
    for unknown in ("tlh", "de_DE", "root", "x" * 36, ""):
        refused = people.ask(buyer, "PUT", path, json=channels | {"locale": unknown})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/locale")
    assert people.ask(buyer, "PUT", path, json=channels).json()["preferences"] == channels | {"locale": "ja"}


def test_sms_need_a_confirmed_number(people: People, buyer: str, sent: list[Any]) -> None:
    wanted = {"email": False, "sms": True, "push": False}
    refused = people.ask(buyer, "PUT", f"{SETTINGS}/preferences", json=wanted)
    assert (refused.status_code, slug(refused)) == (409, "no-phone-number")
    asked = people.ask(buyer, "POST", f"{SETTINGS}/phone-confirmations", json={"phone_number": PHONE})
    assert asked.status_code == 202
    code = code_in(sent)
    assert sent[-1][:2] == ("sms", PHONE)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    assert slug(people.ask(buyer, "PUT", f"{SETTINGS}/phone-number", json={"code": wrong})) == "wrong-code"
    answer = people.ask(buyer, "PUT", f"{SETTINGS}/phone-number", json={"code": code})
    assert answer.json()["phone_number"] == PHONE
    assert slug(people.ask(buyer, "PUT", f"{SETTINGS}/phone-number", json={"code": code})) == "code-not-valid"
    assert people.ask(buyer, "PUT", f"{SETTINGS}/preferences", json=wanted).status_code == 200
    order_expires(people)
    jobs.dispatch_messages()
    assert [one[:2] for one in sent[1:]] == [("sms", PHONE)], "by SMS and by nothing else"
    people.ask(buyer, "DELETE", f"{SETTINGS}/phone-number")
    assert people.ask(buyer, "GET", SETTINGS).json()["preferences"]["sms"] is False


@pytest.mark.real_servers
def test_a_code_cannot_be_guessed(people: People, buyer: str, sent: list[Any]) -> None:
    people.ask(buyer, "POST", f"{SETTINGS}/phone-confirmations", json={"phone_number": PHONE})
    code = code_in(sent)
    for number in range(1, 6):
        wrong = f"{(int(code) + number) % 1_000_000:06d}"
        assert people.ask(buyer, "PUT", f"{SETTINGS}/phone-number", json={"code": wrong}).status_code == 422
    assert people.ask(buyer, "PUT", f"{SETTINGS}/phone-number", json={"code": code}).status_code == 410


def test_a_code_ends_after_ten_minutes_and_nobody_gets_many(people: People, buyer: str, sent: list[Any]) -> None:
    for _ in range(outgoing_messages.MAX_PER_HOUR):
        asked = people.ask(buyer, "POST", f"{SETTINGS}/phone-confirmations", json={"phone_number": PHONE})
        assert asked.status_code == 202
    refused = people.ask(buyer, "POST", f"{SETTINGS}/phone-confirmations", json={"phone_number": PHONE})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")
    code = code_in(sent)
    with freeze(now() + timedelta(minutes=10, seconds=1)):
        assert people.ask(buyer, "PUT", f"{SETTINGS}/phone-number", json={"code": code}).status_code == 410


@pytest.mark.real_servers
def test_nobody_sends_codes_to_many_numbers(people: People, buyer: str) -> None:
    numbers = [f"+35191234567{number}" for number in range(outgoing_messages.MAX_PER_HOUR + 1)]
    paths = f"{SETTINGS}/phone-confirmations"
    statuses = [people.ask(buyer, "POST", paths, json={"phone_number": number}).status_code for number in numbers]
    assert statuses == [202] * outgoing_messages.MAX_PER_HOUR + [429]


def test_each_device_is_told_once_for_one_event(people: People, buyer: str, sent: list[Any]) -> None:
    device_tokens = ("phone-phone-phone", "tablet-tablet-tab")
    for device_token in device_tokens:
        body = {"platform": "fcm", "device_token": device_token}
        assert people.ask(buyer, "POST", f"{SETTINGS}/devices", json=body).status_code == 201
    for _ in range(2):
        order_expires(people)
    jobs.dispatch_messages()
    jobs.dispatch_messages()
    told = sorted(one[:2] for one in sent)
    assert told == [
        ("email", "buyer@reclothes.example"),
        ("push", "arn:fcm:phone-phone-phone"),
        ("push", "arn:fcm:tablet-tablet-tab"),
    ]
    assert len(people.ask(buyer, "GET", "notifications").json()["items"]) == 1


def test_a_device_belongs_to_who_used_it_last_and_can_be_removed(
    people: People, buyer: str, sent: list[Any]
) -> None:
    body = {"platform": "fcm", "device_token": "phone-phone-phone"}
    people.ask(buyer, "POST", f"{SETTINGS}/devices", json=body)
    donor = people.log_in("donor@reclothes.example", demo.PASSWORD).json()["access_token"]
    device_id = people.ask(donor, "POST", f"{SETTINGS}/devices", json=body).json()["id"]
    assert people.ask(buyer, "GET", f"{SETTINGS}/devices").json()["items"] == []
    assert people.ask(buyer, "DELETE", f"{SETTINGS}/devices/{device_id}").status_code == 404
    assert people.ask(donor, "DELETE", f"{SETTINGS}/devices/{device_id}").status_code == 204
    assert people.ask(donor, "GET", f"{SETTINGS}/devices").json()["items"] == []


def test_a_device_that_is_gone_holds_nothing_up(
    people: People, buyer: str, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    people.ask(buyer, "POST", f"{SETTINGS}/devices", json={"platform": "fcm", "device_token": "phone-phone-phone"})

    def gone(*_: Any) -> None:
        raise sns.RecipientGone("EndpointDisabled")

    monkeypatch.setattr(sns, "send_push", gone)
    order_expires(people)
    jobs.dispatch_messages()
    assert [one[0] for one in sent] == ["email"]
    assert all(one.due_at is None for one in people.mails() if one.channel == "push")


def test_while_sns_is_away_sms_wait(people: People, buyer: str, sent: list[Any], monkeypatch: Any) -> None:
    people.ask(buyer, "POST", f"{SETTINGS}/phone-confirmations", json={"phone_number": PHONE})

    def away(*_: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(sns, "send_sms", away)
        jobs.dispatch_messages()
    assert sent == []
    with freeze(now() + timedelta(seconds=6)):
        jobs.dispatch_messages()
    assert [one[0] for one in sent] == ["sms"]
    assert people.mails()[-1].text == "", "the code is not kept"


def test_a_platform_without_an_application_is_refused(people: People, buyer: str) -> None:
    body = {"platform": "apns", "device_token": "phone-phone-phone"}
    answer = people.ask(buyer, "POST", f"{SETTINGS}/devices", json=body)
    assert (answer.status_code, slug(answer)) == (422, "push-not-supported")
