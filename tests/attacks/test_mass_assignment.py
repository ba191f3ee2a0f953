"""Members that a client has no business to set: refused by name, and without effect."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.attacks.conftest import log_in
from tests.attacks.gateways import OpenGate
from tools.demo.people import Customer

Json = dict[str, Any]
NOBODY = "usr_" + "0" * 32


def assert_named(answer: httpx.Response, name: str) -> None:
    """The refusal tells which member it is about."""
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert name in answer.text


@pytest.mark.parametrize(
    "member",
    [
        {"kind": "internal"},
        {"roles": ["manager"]},
        {"role": "manager"},
        {"state": "active"},
        {"email_verified": True},
        {"id": NOBODY},
        {"user_id": NOBODY},
        {"password_hash": "$argon2id$v=19$m=64,t=1,p=1$AA$AA"},
        {"created_at": "2020-01-01T00:00:00Z"},
        {"version": 1},
    ],
    ids=str,
)
def test_nobody_registers_as_more_than_a_customer(anybody: httpx.Client, member: Json) -> None:
    address = f"{uuid.uuid4().hex}@attacks.example"
    body = {"email": address, "password": "a-Long-passw0rd", "full_name": "M", "consents": [{"purpose": "terms"}]}
    (name,) = member
    assert_named(anybody.post("/auth/v1/registrations", json=body | member), name)
    known = {"user_name": address, "password": body["password"]}
    assert anybody.post("/auth/v1/logins", json=known).status_code == 401


@pytest.mark.parametrize("member", [{"granted_at": "2000-01-01T00:00:00Z"}, {"user_id": NOBODY}], ids=str)
def test_a_consent_is_given_now_and_by_oneself(anybody: httpx.Client, member: Json) -> None:
    consents = [{"purpose": "terms"} | member]
    body = {"email": "c@attacks.example", "password": "a-Long-passw0rd", "full_name": "M", "consents": consents}
    (name,) = member
    assert_named(anybody.post("/auth/v1/registrations", json=body), name)


@pytest.mark.parametrize(
    "member",
    [{"id": NOBODY}, {"user_id": NOBODY}, {"roles": ["manager"]}, {"consents": []}, {"created_at": "2020-01-01"}],
    ids=str,
)
def test_a_profile_keeps_its_owner(new_customer: Callable[[], Customer], member: Json) -> None:
    customer = new_customer()
    before = customer.call("GET", "/customer/v1/profile").json()
    (name,) = member
    answer = customer.call("PATCH", "/customer/v1/profile", json={"full_name": "X"} | member, expect=400)
    assert_named(answer, name)
    assert customer.call("GET", "/customer/v1/profile").json() == before


@pytest.mark.parametrize(
    "member",
    [{"price": 1}, {"amount": {"amount": 1, "currency": "EUR"}}, {"state": "paid"}, {"user_id": NOBODY}],
    ids=str,
)
def test_an_order_brings_no_price_and_no_state(buyer: httpx.Client, member: Json) -> None:
    body = {"product_ids": ["prd_" + "0" * 32], "pickup_location_id": "loc_" + "0" * 32} | member
    (name,) = member
    key = {"idempotency-key": uuid.uuid4().hex}
    assert_named(buyer.post("/customer/v1/buying-orders", json=body, headers=key), name)


@pytest.mark.parametrize(
    "member", [{"amount": {"amount": 1, "currency": "EUR"}}, {"state": "captured"}, {"user_id": NOBODY}], ids=str
)
def test_a_payment_brings_no_amount_and_no_state(buyer: httpx.Client, member: Json) -> None:
    body = {"order_id": "bor_" + "0" * 32, "method": "card", "payment_method": "pm_card_visa"} | member
    (name,) = member
    key = {"idempotency-key": uuid.uuid4().hex}
    assert_named(buyer.post("/billing/v1/payments", json=body, headers=key), name)


@pytest.mark.parametrize(
    "member",
    [
        {"price": {"amount": 1, "currency": "EUR"}},
        {"state": "published"},
        {"id": "prd_" + "0" * 32},
        {"version": 9},
        {"created_by": NOBODY},
    ],
    ids=str,
)
def test_an_employee_sets_no_price_by_the_way(employee: httpx.Client, member: Json) -> None:
    coat = {
        "title": "Coat",
        "description": "Warm.",
        "category": "coats",
        "brand": "Attack",
        "colour": "navy",
        "condition": "good",
        "sizes": [{"system": "EU", "value": "40"}],
        "attributes": {},
    }
    (name,) = member
    key = {"idempotency-key": uuid.uuid4().hex}
    assert_named(employee.post("/shopping/v1/inventory", json=coat | member, headers=key), name)
    made = employee.post("/shopping/v1/inventory", json=coat, headers=key)
    assert made.status_code == 201, made.text
    etag = {"if-match": made.headers["etag"]}
    product = f"/shopping/v1/inventory/{made.json()['id']}"
    assert_named(employee.patch(product, json={"title": "Coat"} | member, headers=etag), name)
    assert employee.put(f"{product}/price", json={"price": {"amount": 1, "currency": "EUR"}}).status_code == 403


def test_nobody_gives_themselves_a_role(internal: OpenGate, employee: httpx.Client) -> None:
    own = employee.get("/auth/v1/session").json()["user"]
    for body in ({"roles": ["manager"]}, {"full_name": "E", "roles": ["manager"]}):
        answer = employee.patch(f"/auth/v1/staff/{own['id']}", json=body, headers={"if-match": '"1"'})
        assert answer.status_code == 403
    assert log_in(internal, "employee@reclothes.example")["user"] == own
