"""Buying orders as staff see them: lists, and one order with its payment, work and returns (stories mf-bo-*)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from libs.chassis import db
from libs.chassis.clock import now, rfc3339
from tests.integration.customer import buying_support as buying
from tests.integration.customer.buying_support import COAT, HAT, SCOPES, Send, advance, place
from tests.integration.customer.conftest import ROSSIO, FakePeers
from tests.support.harness import Harness, user_id

BELEM = "loc_" + "4" * 32
MONITORED = "/customer/v1/monitored-buying-orders"


@pytest.fixture
def ines(customer: Harness, peers: FakePeers) -> Send:
    return customer.as_user("ines", SCOPES)


@pytest.fixture
def manager(customer: Harness) -> Send:
    return customer.as_user("marta", "customer:buying-orders:monitor", "internal", roles=["manager"])


@pytest.mark.story("mf-bo-02")
def test_a_manager_reads_an_order_with_its_payment_work_and_returns(
    customer: Harness, ines: Send, manager: Send
) -> None:
    order = buying.place_and_pick_up(customer, ines)
    buying_return = buying.create_return(ines, order, COAT)
    buying.deposit_and_check(customer, buying_return, "good")
    buying.complete_refund(customer, order, 2000, buying_return["id"])
    full_order = manager("GET", f"{MONITORED}/{order['id']}").json()
    assert full_order["payment"] == {
        "id": buying.payment_id_of(order),
        "amount": order["total"],
        "captured_at": full_order["paid_at"],
    }
    assert [(work["kind"], work["state"]) for work in full_order["work"]] == [
        ("packing", "done"),
        ("shipping", "in_progress"),
    ]
    [returned] = full_order["returns"]
    assert (returned["id"], returned["state"], returned["refund"]["amount"]) == (
        buying_return["id"],
        "completed",
        2000,
    )
    assert [refund["return_id"] for refund in full_order["refunds"]] == [buying_return["id"]]


def test_stale_work_events_do_not_overwrite_newer_ones(customer: Harness, ines: Send, manager: Send) -> None:
    order = place(ines)
    advance(customer, order, "pay")
    earlier = rfc3339(now())
    buying.change_work(customer, "packing", "failed", order["id"], reason="no paper left")
    buying.change_work(customer, "packing", "assigned", order["id"], at=earlier)
    [work] = manager("GET", f"{MONITORED}/{order['id']}").json()["work"]
    assert (work["state"], work["reason"], work["tracking_code"]) == (
        "failed",
        "no paper left",
        "RC123",
    )


@pytest.mark.real_servers
@pytest.mark.story("mf-bo-01")
def test_orders_are_filtered_sorted_and_paged(customer: Harness, ines: Send, manager: Send) -> None:
    dear, cheap = place(ines, COAT, HAT), place(ines, COAT)
    middle = now()
    late = place(customer.as_user("rui", SCOPES), HAT)
    advance(customer, late, "pay")

    def ids(**query: Any) -> list[str]:
        return [order["id"] for order in manager("GET", MONITORED, params=query).json()["items"]]

    assert ids(sort="oldest") == [dear["id"], cheap["id"], late["id"]]
    assert ids(sort="total_desc")[0] == dear["id"]
    assert ids(sort="total_asc")[-1] == dear["id"]
    assert ids(placed_from=rfc3339(middle)) == [late["id"]]
    assert ids(placed_before=rfc3339(middle), buyer_id=user_id("ines")) == [cheap["id"], dear["id"]]
    assert ids(state="paid", pickup_location_id=ROSSIO) == [late["id"]]
    assert ids(pickup_location_id=BELEM) == []
    first = manager("GET", MONITORED, params={"limit": 2, "sort": "total_desc"}).json()
    rest = manager(
        "GET", MONITORED, params={"limit": 2, "sort": "total_desc", "cursor": first["next_cursor"]}
    ).json()
    assert {order["id"] for order in first["items"] + rest["items"]} == {dear["id"], cheap["id"], late["id"]}
    assert manager("GET", MONITORED, params={"sort": "prettiest"}).status_code == 400


def test_a_page_of_orders_needs_as_many_queries_as_one_order(customer: Harness, ines: Send, manager: Send) -> None:
    counted: list[str] = []

    def queries_of_page(limit: int) -> int:
        counted.clear()
        assert len(manager("GET", MONITORED, params={"limit": limit}).json()["items"]) == limit
        return len(counted)

    for _ in range(4):
        place(ines)
    event.listen(db.engine(), "before_cursor_execute", lambda *args: counted.append(args[2]))
    assert queries_of_page(4) == queries_of_page(1)


def test_staff_list_and_filter_all_orders(customer: Harness, ines: Send, manager: Send) -> None:
    orders = [place(ines) for _ in range(3)]
    advance(customer, orders[0], "pay")
    ids = [order["id"] for order in manager("GET", MONITORED).json()["items"]]
    assert ids == [order["id"] for order in reversed(orders)]
    [paid] = manager("GET", MONITORED, params={"state": "paid", "buyer_id": user_id("ines")}).json()["items"]
    assert paid["id"] == orders[0]["id"]
    assert manager("GET", f"{MONITORED}/{orders[1]['id']}").json()["id"] == orders[1]["id"]
    assert manager("GET", f"{MONITORED}/bor_{'9' * 32}").status_code == 404
