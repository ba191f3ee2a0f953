"""Notifications in the account and by mail."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import func, select

from libs.chassis import db
from services.auth import demo
from services.auth.notifications import events
from services.auth.notifications.tables import Notification
from tests.contract.documents import CONTRACTS
from tests.integration.auth.auth_api import AuthApi

ORDER = "bor_0199a3c27d6e7b1c8f2a4d5e6f708192"
PAYMENT = "pay_0199a3c27d6e7b1c8f2a4d5e6f708192"


def example_data(event_type: str) -> dict[str, Any]:
    """Return the data of an event from the example in its schema."""
    document = json.loads((CONTRACTS / "events" / f"{event_type}.json").read_text())
    data: dict[str, Any] = document["examples"][0]
    return data


def order_paid(buyer_id: str, **changes: Any) -> dict[str, Any]:
    price = {"amount": 4900, "currency": "EUR"}
    data = {
        "order_id": ORDER,
        "buyer_id": buyer_id,
        "items": [{"product_id": "prd_" + "1" * 32, "title": "Wool coat", "price": price}],
        "total": price,
        "pickup_location_name": "Rossio",
        "method": "card",
        "coins": None,
    }
    return example_data("customer.buying_order.paid.v1") | data | changes


def payment_voided(buyer_id: str, **changes: Any) -> dict[str, Any]:
    data = {"order_id": ORDER, "buyer_id": buyer_id, "payment_id": PAYMENT, "reason": "as billing describes it"}
    return example_data("billing.payment.voided.v1") | data | changes


def order_state_changed(buyer_id: str, state: str, **changes: Any) -> dict[str, Any]:
    data = {
        "order_id": ORDER,
        "buyer_id": buyer_id,
        "state": state,
        "previous_state": "paid",
        "reason": None,
        "payment_id": PAYMENT,
        "pickup_location_name": "Rossio",
        "pick_up_until": None,
        "return_until": "2026-12-07T23:59:59.999999Z" if state == "picked_up" else None,
        "time_zone": "Europe/Lisbon",
    }
    return example_data("customer.buying_order.state_changed.v1") | data | changes


def return_state_changed(buyer_id: str, state: str, refund: int | None = None, **changes: Any) -> dict[str, Any]:
    price = {"amount": 4900, "currency": "EUR"}
    item = {"product_id": "prd_" + "1" * 32, "title": "Wool coat", "price": price, "result": None}
    data = {
        "return_id": "rbo_" + "5" * 32,
        "order_id": ORDER,
        "buyer_id": buyer_id,
        "state": state,
        "previous_state": "created",
        "price": price,
        "refund": None if refund is None else {"amount": refund, "currency": "EUR"},
        "is_force_cancelled": False,
        "location_name": "Rossio",
        "items": [item],
    }
    return example_data("customer.buying_return.state_changed.v1") | data | changes


def test_a_paid_order_sends_one_receipt_to_the_account_and_by_mail(customer: AuthApi) -> None:
    [buyer_id] = customer.user_ids()
    for _ in range(2):
        customer.auth.deliver("customer.buying_order.paid.v1", order_paid(buyer_id), "evt_" + "7" * 32)
    customer.auth.deliver("customer.buying_order.paid.v1", order_paid(buyer_id))
    [receipt] = [mail for mail in customer.mails() if "receipt" in mail.subject]
    link = f"https://www.test/orders/{ORDER}"
    assert all(part in receipt.text for part in (ORDER, "Wool coat: €49.00", "Total: €49.00", "Rossio", link))
    with db.unit_of_work(reads_only=True) as session:
        [notification] = session.scalars(select(Notification))
    assert (notification.template, notification.text) == ("receipt", receipt.text)


def test_amounts_and_dates_are_formatted_for_the_locale_of_the_user(api: AuthApi) -> None:
    api.register(headers={"Accept-Language": "tlh, de-DE;q=0.9, en;q=0.8, pt;q=0"})
    [buyer_id] = api.user_ids()
    api.auth.deliver("customer.buying_order.paid.v1", order_paid(buyer_id))
    own = api.auth.as_user("ines", "auth:notifications", sub=buyer_id)
    settings = own("GET", "/auth/v1/notification-settings").json()["preferences"]
    assert settings["locale"] == "de-DE"
    changed = own("PUT", "/auth/v1/notification-settings/preferences", json=settings | {"locale": "PT-pt"})
    assert changed.json()["preferences"]["locale"] == "pt-PT"
    coupon = example_data("billing.coupon.issued.v1") | {"person_id": buyer_id, "time_zone": "Europe/Lisbon"}
    coupon |= {"value": {"amount": 1_234_567, "currency": "EUR"}, "valid_until": "2026-12-14T23:59:59.999999Z"}
    api.auth.deliver("billing.coupon.issued.v1", coupon)
    receipt, gift = (mail.text.replace("\N{NO-BREAK SPACE}", " ") for mail in api.mails()[1:])
    assert "Wool coat: 49,00 €\n" in receipt
    assert "Total: 49,00 €\n" in receipt
    assert "worth 12 345,67 €, valid until 14 de dezembro de 2026, 23:59 (Lisbon time)." in gift


def test_a_user_lists_own_notifications_and_marks_them_read(customer: AuthApi) -> None:
    [buyer_id] = customer.user_ids()
    expired = {"order_id": ORDER, "buyer_id": buyer_id}
    customer.auth.deliver("customer.buying_order.expired.v1", expired)
    customer.auth.deliver("billing.payment.voided.v1", payment_voided(buyer_id))
    customer.auth.deliver("customer.buying_order.expired.v1", expired | {"buyer_id": "usr_" + "9" * 32})
    own = customer.auth.as_user("ines", "auth:notifications", sub=buyer_id)
    stranger = customer.auth.as_user("rui", "auth:notifications")
    listed = own("GET", "/auth/v1/notifications").json()["items"]
    assert [item["template"] for item in listed] == ["payment-voided", "order-expired"], "newest first"
    path = f"/auth/v1/notifications/{listed[0]['id']}/read"
    assert stranger("GET", "/auth/v1/notifications").json()["items"] == []
    assert stranger("POST", path).status_code == 404
    assert own("POST", path).status_code == own("POST", path).status_code == 204
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalar(select(func.count()).where(Notification.read_at.is_not(None))) == 1


def test_a_receipt_shows_the_coins_that_were_paid(customer: AuthApi) -> None:
    [buyer_id] = customer.user_ids()
    data = order_paid(buyer_id, method="coins", coins=4900)
    customer.auth.deliver("customer.buying_order.paid.v1", data)
    [receipt] = [mail for mail in customer.mails() if "receipt" in mail.subject]
    assert "Total: €49.00, paid with 4900 coins\n\nWe will pack" in receipt.text


@pytest.mark.parametrize(
    ("values", "subject", "text"),
    [
        (
            {"method": "card", "reason_code": "order_ended"},
            "has been cancelled",
            "Your bank will release the amount",
        ),
        (
            {"method": "coins", "reason_code": "order_ended"},
            "has been cancelled",
            "Your coins are in your account again",
        ),
        ({"method": "card", "reason_code": "sale_not_paid"}, "could not charge", "so we have cancelled the order"),
        (
            {"method": "card", "reason_code": "cancelled_by_provider"},
            "has been cancelled",
            "cancelled before it was charged",
        ),
    ],
)
def test_a_buyer_is_notified_why_a_payment_was_voided_and_what_is_refunded(
    customer: AuthApi, values: dict[str, str], subject: str, text: str
) -> None:
    [buyer_id] = customer.user_ids()
    customer.auth.deliver("billing.payment.voided.v1", payment_voided(buyer_id, **values))
    [mail] = [mail for mail in customer.mails() if "payment" in mail.subject]
    assert subject in mail.subject
    assert text in mail.text


def test_a_sale_that_is_cancelled_after_its_payment_has_its_own_notification(customer: AuthApi) -> None:
    [buyer_id] = customer.user_ids()
    for code in ("cancelled_by_provider", "sale_not_paid", "sale_not_paid"):
        customer.auth.deliver("billing.payment.voided.v1", payment_voided(buyer_id, reason_code=code))
    assert len([mail for mail in customer.mails() if "payment" in mail.subject]) == 2


@pytest.mark.parametrize(("amount", "text"), [(0, "There is no refund"), (1000, "we refund €10.00")])
def test_a_buyer_is_notified_of_the_refund_decided_after_a_bad_check(
    customer: AuthApi, amount: int, text: str
) -> None:
    [buyer_id] = customer.user_ids()
    data = return_state_changed(buyer_id, "refund_decided", amount)
    customer.auth.deliver("customer.buying_return.state_changed.v1", data)
    [mail] = [mail for mail in customer.mails() if "return" in mail.subject]
    assert text in mail.text


@pytest.mark.story("rb-r-po-02")
def test_a_buyer_is_notified_which_items_are_bad_and_of_the_refund_for_the_others(customer: AuthApi) -> None:
    [buyer_id] = customer.user_ids()
    price = {"amount": 4900, "currency": "EUR"}
    items = [
        {"product_id": f"prd_{number:032x}", "title": title, "price": price, "result": result}
        for number, (title, result) in enumerate((("Wool coat", "good"), ("Straw hat", "bad"), ("Scarf", "bad")))
    ]
    for state, refund in (("checked_bad", None), ("refund_decided", 5900)):
        data = return_state_changed(buyer_id, state, refund, items=items)
        customer.auth.deliver("customer.buying_return.state_changed.v1", data)
    text_by_subject = {mail.subject: mail.text for mail in customer.mails()}
    checked = text_by_subject["We found damage on your return"]
    assert "cannot be sold any more:\n\n- Straw hat\n- Scarf\n\nAll other items" in checked
    assert "we refund €49.00 for them" in checked
    assert "we refund €59.00 in total, as agreed" in text_by_subject["The refund for your return"]


def test_notifications_are_paginated(customer: AuthApi) -> None:
    [buyer_id] = customer.user_ids()
    for number in range(3):
        order_id = f"bor_{number:032x}"
        customer.auth.deliver("customer.buying_order.expired.v1", {"order_id": order_id, "buyer_id": buyer_id})
    own = customer.auth.as_user("ines", "auth:notifications", sub=buyer_id)
    first = own("GET", "/auth/v1/notifications", params={"limit": 2}).json()
    query = {"limit": 2, "cursor": first["next_cursor"]}
    second = own("GET", "/auth/v1/notifications", params=query).json()
    assert (len(first["items"]), len(second["items"]), second["next_cursor"]) == (2, 1, None)


def test_notifications_require_their_scope(customer: AuthApi) -> None:
    other = customer.auth.as_user("ines", "auth:session")
    assert other("GET", "/auth/v1/notifications").status_code == 403
    assert customer.auth.client.get("/auth/v1/notifications").status_code == 401


@pytest.mark.parametrize("state", sorted(events.DONATION_TEMPLATES))
def test_a_donor_is_notified_once_of_each_state_of_a_donation(api: AuthApi, state: str) -> None:
    demo.load()
    data = example_data("customer.donating_order.state_changed.v1") | {
        "donor_id": demo.user_id("donor@reclothes.example"),
        "state": state,
    }
    for _ in range(2):
        api.auth.deliver("customer.donating_order.state_changed.v1", data)
    [mail] = api.mails()
    assert data["order_id"] in mail.text
    api.auth.deliver("customer.donating_order.state_changed.v1", data | {"state": "submitted"})
    assert len(api.mails()) == 1


@pytest.mark.parametrize("state", sorted(events.DONATION_RETURN_TEMPLATES))
def test_a_donor_is_notified_of_each_state_of_a_return(api: AuthApi, state: str) -> None:
    demo.load()
    data = example_data("customer.donation_return.state_changed.v1") | {
        "donor_id": demo.user_id("donor@reclothes.example"),
        "state": state,
    }
    api.auth.deliver("customer.donation_return.state_changed.v1", data)
    [mail] = api.mails()
    assert "Rossio" in mail.text


@pytest.mark.parametrize(
    ("event_type", "person", "text_by_subject"),
    [
        ("admin.work_order.state_changed.v1", "assignee_id", "collecting"),
        ("billing.fee.due.v1", "payer_id", "€3.00"),
        ("billing.coupon.issued.v1", "person_id", "€5.00"),
        ("billing.payout.due.v1", "person_id", "€19.60"),
        ("billing.payout.voided.v1", "person_id", "Your share of €19.60 will not be paid out"),
    ],
)
def test_the_right_person_is_notified_of_work_fees_coupons_and_payouts(
    api: AuthApi, event_type: str, person: str, text_by_subject: str
) -> None:
    demo.load()
    data = example_data(event_type) | {person: demo.user_id("deliveryman@reclothes.example")}
    api.auth.deliver(event_type, data)
    [mail] = api.mails()
    assert mail.recipient == "deliveryman@reclothes.example"
    assert text_by_subject in mail.text


def test_an_assignee_is_notified_again_of_work_that_is_assigned_again(api: AuthApi) -> None:
    demo.load()
    data = example_data("admin.work_order.state_changed.v1")
    for name in ("deliveryman", "employee", "deliveryman"):
        api.auth.deliver(
            "admin.work_order.state_changed.v1", data | {"assignee_id": demo.user_id(f"{name}@reclothes.example")}
        )
    assert [mail.recipient.partition("@")[0] for mail in api.mails()] == [
        "deliveryman",
        "employee",
        "deliveryman",
    ]


@pytest.mark.story("b-pa-03")
@pytest.mark.story("rb-r-re-03")
def test_a_buyer_is_notified_once_of_each_state(customer: AuthApi) -> None:
    [buyer_id] = customer.user_ids()
    deliver = customer.auth.deliver
    for _ in range(2):
        for state in ("packing", "packed", "shipping", "in_box", "picked_up", "completed"):
            deliver("customer.buying_order.state_changed.v1", order_state_changed(buyer_id, state))
        for state in ("created", "in_box", "collected", "checked_bad", "refund_decided"):
            deliver("customer.buying_return.state_changed.v1", return_state_changed(buyer_id, state))
    own = customer.auth.as_user("ines", "auth:notifications", sub=buyer_id)
    listed = own("GET", "/auth/v1/notifications").json()["items"]
    assert [item["template"] for item in reversed(listed)] == [
        "order-packing",
        "order-in-box",
        "order-picked-up",
        "return-deposited",
        "return-collected",
        "return-checked-bad",
        "return-refund-decided",
    ]
    texts = {item["template"]: item["text"] for item in listed}
    assert all(ORDER in text for text in texts.values())
    assert "Rossio" in texts["order-in-box"]
    assert "December 7, 2026, 11:59\N{NARROW NO-BREAK SPACE}PM (Lisbon time)" in texts["order-picked-up"]


def test_a_buyer_is_notified_of_refunds(customer: AuthApi) -> None:
    [buyer_id] = customer.user_ids()
    deliver = customer.auth.deliver
    deliver("customer.buying_order.state_changed.v1", order_state_changed(buyer_id, "cancelled"))
    other = "bor_" + "8" * 32
    unpaid = order_state_changed(buyer_id, "cancelled", previous_state="placed", payment_id=None, order_id=other)
    deliver("customer.buying_order.state_changed.v1", unpaid)
    deliver("customer.buying_return.state_changed.v1", return_state_changed(buyer_id, "checked_good", 4900))
    deliver("customer.buying_return.state_changed.v1", return_state_changed(buyer_id, "expired"))
    refund = {"payment_id": PAYMENT, "order_id": ORDER, "return_id": None, "buyer_id": buyer_id}
    refund |= {"amount": {"amount": 4900, "currency": "EUR"}, "completed_at": "2026-11-23T10:15:30.000000Z"}
    for number, (method, coins) in enumerate([("card", None), ("coins", 4900)]):
        values = {"refund_id": f"rfd_{number:032x}", "method": method, "coins": coins}
        for _ in range(2):
            deliver("billing.refund.completed.v1", refund | values)
    own = customer.auth.as_user("ines", "auth:notifications", sub=buyer_id)
    texts = [item["text"] for item in own("GET", "/auth/v1/notifications").json()["items"]]
    assert len(texts) == 6
    assert sum("We will refund what you paid" in text for text in texts) == 1
    assert sum("Nothing was charged" in text for text in texts) == 1
    assert sum("We refund €49.00" in text for text in texts) == 1
    assert sum("4900 coins are in your account again" in text for text in texts) == 1


@pytest.mark.story("b-po-02")
def test_a_buyer_is_notified_of_the_pick_up_deadline_and_of_the_reason_for_cancellation(customer: AuthApi) -> None:
    [buyer_id] = customer.user_ids()
    deliver = customer.auth.deliver
    due = example_data("customer.buying_order.pick_up_due.v1") | {"buyer_id": buyer_id, "order_id": ORDER}
    for _ in range(2):
        waits = order_state_changed(buyer_id, "in_box", pick_up_until=due["pick_up_until"])
        deliver("customer.buying_order.state_changed.v1", waits)
        deliver("customer.buying_order.pick_up_due.v1", due)
        for number, reason in enumerate(("not_picked_up", "force_cancelled")):
            ended = order_state_changed(buyer_id, "cancelled", reason=reason, order_id=f"bor_{number:032x}")
            deliver("customer.buying_order.state_changed.v1", ended)
        lost = return_state_changed(buyer_id, "refund_decided", 4900, is_force_cancelled=True)
        deliver("customer.buying_return.state_changed.v1", lost)
    own = customer.auth.as_user("ines", "auth:notifications", sub=buyer_id)
    listed = own("GET", "/auth/v1/notifications").json()["items"]
    assert [
        (item["template"], text in item["text"])
        for item, text in zip(
            reversed(listed),
            (
                "by November 30, 2026, 11:59\N{NARROW NO-BREAK SPACE}PM (Lisbon time)",
                "by November 30, 2026, 11:59\N{NARROW NO-BREAK SPACE}PM (Lisbon time)",
                "not picked up at Rossio in time. We will refund what you paid",
                "we cannot deliver it; we are sorry. We will refund what you paid",
                "We refund €49.00",
            ),
            strict=True,
        )
    ] == [
        ("order-in-box", True),
        ("order-pick-up-due", True),
        ("order-cancelled", True),
        ("order-cancelled", True),
        ("return-force-cancelled", True),
    ]


@pytest.mark.story("d-po-09")
def test_a_donor_is_notified_of_a_second_sale_after_the_first_was_cancelled(api: AuthApi) -> None:
    demo.load()
    data = example_data("customer.donating_order.state_changed.v1")
    data |= {"donor_id": demo.user_id("donor@reclothes.example"), "state": "sold", "previous_state": "listed"}
    for version in (8, 10):
        for _ in range(2):
            api.auth.deliver("customer.donating_order.state_changed.v1", data, version=version)
    assert len(api.mails()) == 2
