"""The number of a customer's orders, and the rankings of buyers and donors (stories mf-eu-05, mf-eu-06)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from libs.chassis.clock import now, rfc3339
from tests.integration.customer import donating_support as donating
from tests.integration.customer.buying_support import COAT, HAT, ORDERS, SCOPES, Send, advance, new_key, place
from tests.integration.customer.conftest import FakePeers
from tests.support.harness import Harness, user_id


@pytest.fixture
def ines(customer: Harness, peers: FakePeers) -> Send:
    return customer.as_user("ines", SCOPES)


@pytest.fixture
def manager(customer: Harness) -> Send:
    scopes = "customer:order-counts:read customer:rankings:read"
    return customer.as_user("marta", scopes, "internal", roles=["manager"])


@pytest.mark.real_servers
@pytest.mark.story("mf-eu-05")
def test_staff_read_the_number_of_orders_of_a_customer(customer: Harness, ines: Send, manager: Send) -> None:
    counts = f"/customer/v1/order-counts/{user_id('ines')}"
    assert manager("GET", counts).status_code == 404
    register(customer, "ines")
    advance(customer, place(ines), "pay")
    place(ines)
    donor = customer.as_user("ines", "customer:donating-orders")
    donor("POST", "/customer/v1/donating-orders", key=new_key())
    current = manager("GET", counts).json()
    assert current["buying_orders"] == {"total": 2, "by_state": {"paid": 1, "placed": 1}}
    assert current["donating_orders"] == {"total": 1, "by_state": {"draft": 1}}


def register(customer: Harness, name: str) -> None:
    data = {"user_id": user_id(name), "full_name": name.title(), "consents": []}
    customer.deliver("auth.user.registered.v1", data)


@pytest.mark.real_servers
@pytest.mark.story("mf-eu-06")
def test_a_manager_reads_the_top_buyers(customer: Harness, ines: Send, manager: Send, peers: FakePeers) -> None:
    since = now()
    for number in range(12):
        name = f"buyer {number}"
        register(customer, name)
        send = customer.as_user(name, SCOPES)
        for _ in range(2 if number == 7 else 1):
            advance(customer, place(send, COAT, *([HAT] if number == 3 else [])), "pay")
    cancelled = place(ines)
    advance(customer, cancelled, "pay")
    ines("POST", f"{ORDERS}/{cancelled['id']}/cancellation")
    query = {"since": rfc3339(since), "until": rfc3339(now() + timedelta(seconds=1))}
    top = manager("GET", "/customer/v1/top-buyers", params=query).json()["items"]
    assert len(top) == 10
    assert [(one["full_name"], one["orders"], one["total"]["amount"]) for one in top[:2]] == [
        ("Buyer 7", 2, 4000),
        ("Buyer 3", 1, 4000),
    ]
    assert user_id("ines") not in [one["customer_id"] for one in top]
    before = {"since": rfc3339(since - timedelta(days=2)), "until": rfc3339(since - timedelta(days=1))}
    assert manager("GET", "/customer/v1/top-buyers", params=before).json()["items"] == []
    turned = {"since": query["until"], "until": query["since"]}
    assert manager("GET", "/customer/v1/top-buyers", params=turned).status_code == 422


@pytest.mark.real_servers
@pytest.mark.story("mf-eu-06")
def test_top_donors_are_ranked_by_deposited_donations(customer: Harness, manager: Send, peers: FakePeers) -> None:
    register(customer, "ines")
    since, send = now(), customer.as_user("ines", donating.SCOPE)
    donating.create_collected(customer, send, donating.COAT, donating.COAT)
    donating.create_draft(send)
    query = {"since": rfc3339(since), "until": rfc3339(now() + timedelta(seconds=1))}
    [only] = manager("GET", "/customer/v1/top-donors", params=query).json()["items"]
    assert (only["customer_id"], only["full_name"], only["orders"], only["pieces"]) == (
        user_id("ines"),
        "Ines",
        1,
        2,
    )
