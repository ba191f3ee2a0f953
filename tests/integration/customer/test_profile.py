"""Profiles of customers: created by the registration, changed by their owners, published to others."""

from __future__ import annotations

import pytest

from tests.integration.customer.buying_support import SCOPES, Send
from tests.integration.customer.conftest import FakePeers
from tests.support.harness import Harness, user_id


@pytest.fixture
def ines(customer: Harness, peers: FakePeers) -> Send:
    return customer.as_user("ines", SCOPES)


@pytest.mark.real_servers
def test_a_registration_creates_the_profile_and_its_owner_changes_it(customer: Harness) -> None:
    consents = [{"purpose": "terms", "granted_at": "2026-01-02T03:04:05.000000Z"}]
    registered = {"user_id": user_id("ines"), "full_name": "Inês Costa", "consents": consents}
    customer.deliver("auth.user.registered.v1", registered)
    send = customer.as_user("ines", SCOPES)
    assert send("GET", "/customer/v1/profile").json()["full_name"] == "Inês Costa"
    changed = send("PATCH", "/customer/v1/profile", json={"body_sizes": {"EU": "38"}}).json()
    assert (changed["body_sizes"], changed["full_name"], changed["consents"]) == (
        {"EU": "38"},
        "Inês Costa",
        consents,
    )


def test_a_changed_profile_is_published_without_the_name(customer: Harness, ines: Send) -> None:
    ines("PATCH", "/customer/v1/profile", json={"body_sizes": {"EU": "38", "EU shoes": "39"}})
    ines("PATCH", "/customer/v1/profile", json={"full_name": "Inês Costa"})
    ines("PATCH", "/customer/v1/profile", json={"preferences": {"colour": "navy"}})
    first, second = customer.published("customer.profile.changed.v1")
    sizes = [{"name": "EU", "value": "38"}, {"name": "EU shoes", "value": "39"}]
    assert first == {"customer_id": user_id("ines"), "body_sizes": sizes, "preferences": []}
    assert second == first | {"preferences": [{"name": "colour", "value": "navy"}]}


def test_a_profile_exists_before_the_event_of_the_registration(customer: Harness) -> None:
    send = customer.as_user("early", SCOPES)
    assert send("GET", "/customer/v1/profile").json()["full_name"] == ""
    send("PATCH", "/customer/v1/profile", json={"full_name": "Own Choice"})
    registered = {"user_id": user_id("early"), "full_name": "Registered Name", "consents": []}
    customer.deliver("auth.user.registered.v1", registered)
    assert send("GET", "/customer/v1/profile").json()["full_name"] == "Own Choice"
