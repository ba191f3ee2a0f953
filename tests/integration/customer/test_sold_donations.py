"""Donations whose items are bought and returned (stories d-po-09, rd-r-re-01)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.customer import buying_support as buying
from tests.integration.customer import donating_support as donating
from tests.integration.customer.buying_support import SCOPES, Send, advance, place
from tests.integration.customer.conftest import FakePeers
from tests.support.harness import Harness


@pytest.fixture
def donor(customer: Harness, peers: FakePeers) -> Send:
    return customer.as_user("tom", donating.SCOPE)


@pytest.fixture
def ines(customer: Harness, peers: FakePeers) -> Send:
    return customer.as_user("ines", SCOPES)


@pytest.fixture
def donation(customer: Harness, donor: Send) -> dict[str, Any]:
    """A donation of two items that are on sale."""
    donation = donating.create_collected(customer, donor, donating.COAT, donating.COAT)
    donating.change_work(customer, "checking", "done", donation["id"], "good")
    for item in range(2):
        donating.publish_product_event(customer, "published", donation, item)
    return donation


def product_id_of(donation: dict[str, Any], item: int) -> str:
    return "prd_" + str(donation["items"][item]["id"]).removeprefix("dit_")


def sell(customer: Harness, donation: dict[str, Any], item: int, order: dict[str, Any]) -> None:
    """Deliver shopping's event that the product has a buyer, before the payment is captured."""
    donation_item = {"order_id": donation["id"], "item_id": donation["items"][item]["id"]}
    data = {"product_id": product_id_of(donation, item), "title": "Coat", "donation": donation_item}
    data |= {"price": {"amount": 2000, "currency": "EUR"}, "buying_order_id": order["id"]}
    customer.deliver("shopping.product.sold.v1", data)


def read_donation(send: Send, donation: dict[str, Any]) -> tuple[str, list[bool]]:
    current = send("GET", f"/customer/v1/donating-orders/{donation['id']}").json()
    return current["state"], [item["is_sold"] for item in current["items"]]


@pytest.mark.story("d-po-09")
def test_an_item_is_sold_when_its_buyer_has_paid(
    customer: Harness, donor: Send, ines: Send, donation: dict[str, Any]
) -> None:
    first, second, unpaid = (place(ines, product_id_of(donation, item)) for item in (0, 1, 1))
    sell(customer, donation, 0, first)
    assert read_donation(donor, donation) == ("listed", [False, False]), "the payment is not captured yet"
    advance(customer, first, "pay")
    assert read_donation(donor, donation) == ("listed", [True, False])
    sell(customer, donation, 1, unpaid)
    advance(customer, second, "pay")
    sell(customer, donation, 1, second)
    assert read_donation(donor, donation) == ("sold", [True, True])


@pytest.mark.story("rd-r-re-01")
@pytest.mark.parametrize("end", ["cancelled", "returned", "returned bad"])
def test_an_item_that_is_returned_good_is_no_longer_sold(
    customer: Harness, donor: Send, ines: Send, donation: dict[str, Any], end: str
) -> None:
    order = place(ines, product_id_of(donation, 0), product_id_of(donation, 1))
    for item in range(2):
        sell(customer, donation, item, order)
    ends: dict[str, Callable[[], None]] = {
        "cancelled": lambda: pay_and_cancel(customer, ines, order),
        "returned": lambda: buy_and_return(customer, ines, order, "good"),
        "returned bad": lambda: buy_and_return(customer, ines, order, "bad"),
    }
    ends[end]()
    for item in range(2):
        sell(customer, donation, item, order)  # stale events
    if end == "returned bad":
        assert read_donation(donor, donation) == ("sold", [True, True]), "it goes to the factory"
        return
    assert read_donation(donor, donation) == ("listed", [False, False])
    again = place(ines, product_id_of(donation, 0), product_id_of(donation, 1))
    advance(customer, again, "pay")
    assert read_donation(donor, donation) == ("sold", [True, True])
    events = customer.published("customer.donating_order.state_changed.v1")
    assert [event["state"] for event in events if event["order_id"] == donation["id"]][-4:] == [
        *("listed", "sold", "listed", "sold"),
    ]
    pay_and_cancel(customer, ines, again)
    body = {"order_id": donation["id"], "location_id": buying.ROSSIO}
    response = donor("POST", "/customer/v1/donation-returns", json=body, key=buying.new_key())
    assert response.status_code == 201, "the donor is not locked out"


def pay_and_cancel(customer: Harness, ines: Send, order: dict[str, Any]) -> None:
    advance(customer, order, "pay")
    assert ines("POST", f"{buying.ORDERS}/{order['id']}/cancellation").status_code == 200


def buy_and_return(customer: Harness, ines: Send, order: dict[str, Any], result: str) -> None:
    advance(customer, order, *buying.TO_PICKED_UP)
    buying.deposit_and_check(customer, buying.create_return(ines, order), result)


@pytest.mark.parametrize("is_late", [False, True])
def test_a_replaced_refund_is_not_shown_whichever_event_arrives_first(
    customer: Harness, ines: Send, is_late: bool
) -> None:
    order = place(ines)
    advance(customer, order, "pay")
    failed, replacement = "rfd_" + "1" * 32, "rfd_" + "2" * 32
    deliveries: list[Callable[[], None]] = [
        lambda: buying.complete_refund(customer, order, 4000, refund_id=failed),
        lambda: buying.complete_refund(customer, order, 4000, refund_id=replacement, replaces=failed),
    ]
    for deliver in [*(reversed(deliveries) if is_late else deliveries), *deliveries]:
        deliver()
    assert [refund["id"] for refund in buying.read(ines, order)["refunds"]] == [replacement]
