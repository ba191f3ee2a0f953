"""Members that a client must not set are rejected by name and have no effect."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.attacks.conftest import log_in
from tests.attacks.gateways import UnthrottledGateway
from tools.demo.people import Customer

Json = dict[str, Any]
NOBODY = "usr_" + "0" * 32


def assert_rejected_member(response: httpx.Response, name: str) -> None:
    """Assert that the problem names the member."""
    assert response.status_code == 400, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert name in response.text


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
def test_a_registration_cannot_set_roles_or_state(anonymous: httpx.Client, member: Json) -> None:
    address = f"{uuid.uuid4().hex}@attacks.example"
    body = {"email": address, "password": "a-Long-passw0rd", "full_name": "M", "consents": [{"purpose": "terms"}]}
    (name,) = member
    assert_rejected_member(anonymous.post("/auth/v1/registrations", json=body | member), name)
    credentials = {"user_name": address, "password": body["password"]}
    assert anonymous.post("/auth/v1/logins", json=credentials).status_code == 401


@pytest.mark.parametrize("member", [{"granted_at": "2000-01-01T00:00:00Z"}, {"user_id": NOBODY}], ids=str)
def test_a_consent_cannot_set_its_time_or_user(anonymous: httpx.Client, member: Json) -> None:
    consents = [{"purpose": "terms"} | member]
    body = {"email": "c@attacks.example", "password": "a-Long-passw0rd", "full_name": "M", "consents": consents}
    (name,) = member
    assert_rejected_member(anonymous.post("/auth/v1/registrations", json=body), name)


@pytest.mark.parametrize(
    "member",
    [{"id": NOBODY}, {"user_id": NOBODY}, {"roles": ["manager"]}, {"consents": []}, {"created_at": "2020-01-01"}],
    ids=str,
)
def test_a_profile_cannot_change_its_owner(new_customer: Callable[[], Customer], member: Json) -> None:
    customer = new_customer()
    before = customer.call("GET", "/customer/v1/profile").json()
    (name,) = member
    response = customer.call("PATCH", "/customer/v1/profile", json={"full_name": "X"} | member, expect=400)
    assert_rejected_member(response, name)
    assert customer.call("GET", "/customer/v1/profile").json() == before


@pytest.mark.parametrize(
    "member",
    [{"price": 1}, {"amount": {"amount": 1, "currency": "EUR"}}, {"state": "paid"}, {"user_id": NOBODY}],
    ids=str,
)
def test_an_order_cannot_set_price_or_state(buyer: httpx.Client, member: Json) -> None:
    body = {"product_ids": ["prd_" + "0" * 32], "pickup_location_id": "loc_" + "0" * 32} | member
    (name,) = member
    key = {"idempotency-key": uuid.uuid4().hex}
    assert_rejected_member(buyer.post("/customer/v1/buying-orders", json=body, headers=key), name)


@pytest.mark.parametrize(
    "member", [{"amount": {"amount": 1, "currency": "EUR"}}, {"state": "captured"}, {"user_id": NOBODY}], ids=str
)
def test_a_payment_cannot_set_amount_or_state(buyer: httpx.Client, member: Json) -> None:
    body = {"order_id": "bor_" + "0" * 32, "method": "card", "payment_method": "pm_card_visa"} | member
    (name,) = member
    key = {"idempotency-key": uuid.uuid4().hex}
    assert_rejected_member(buyer.post("/billing/v1/payments", json=body, headers=key), name)


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
def test_an_employee_cannot_set_a_price_when_editing_a_product(employee: httpx.Client, member: Json) -> None:
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
    assert_rejected_member(employee.post("/shopping/v1/inventory", json=coat | member, headers=key), name)
    created = employee.post("/shopping/v1/inventory", json=coat, headers=key)
    assert created.status_code == 201, created.text
    etag = {"if-match": created.headers["etag"]}
    product = f"/shopping/v1/inventory/{created.json()['id']}"
    assert_rejected_member(employee.patch(product, json={"title": "Coat"} | member, headers=etag), name)
    assert employee.put(f"{product}/price", json={"price": {"amount": 1, "currency": "EUR"}}).status_code == 403


def test_a_user_cannot_assign_roles_to_themselves(internal: UnthrottledGateway, employee: httpx.Client) -> None:
    own = employee.get("/auth/v1/session").json()["user"]
    for body in ({"roles": ["manager"]}, {"full_name": "E", "roles": ["manager"]}):
        response = employee.patch(f"/auth/v1/staff/{own['id']}", json=body, headers={"if-match": '"1"'})
        assert response.status_code == 403
    assert log_in(internal, "employee@reclothes.example")["user"] == own
