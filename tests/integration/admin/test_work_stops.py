"""Stop the work on buying orders that are cancelled (story rb-c-01)."""

from __future__ import annotations

from typing import Any

import pytest

from libs.chassis import clock
from tests.integration.admin.support import (
    LOCATION,
    Send,
    create_package,
    get_own,
    list_own,
    new_id,
    problem_of,
    publish_paid_order,
    scan,
    state_changes,
    stop_work,
)
from tests.support.harness import Harness, user_id


def finish_packing(eva: Send, order_id: str) -> dict[str, Any]:
    """Finish the packing order of an order, and return the package."""
    package = create_package(eva, order_id)
    work_order_id = scan(eva, package["tracking_code"]).json()["id"]
    response = eva("POST", f"/admin/v1/own-packing-orders/{work_order_id}/finish")
    assert response.status_code == 200, response.text
    return package


@pytest.mark.story("rb-c-01")
def test_work_can_be_stopped_until_the_deliveryman_has_the_package(admin: Harness, eva: Send, rui: Send) -> None:
    packing, shipping, in_transit = new_id("bor"), new_id("bor"), new_id("bor")
    for order_id in (packing, shipping, in_transit):
        publish_paid_order(admin, order_id)
    finish_packing(eva, shipping)
    assert get_own(rui, "shipping")["location_name"] == "Rossio", "the deliveryman reads where to go"
    scan(rui, finish_packing(eva, in_transit)["tracking_code"])
    for order_id in (packing, shipping):
        assert [stop_work(admin, order_id).status_code for _ in range(2)] == [204, 204]
    assert problem_of(stop_work(admin, in_transit)) == (409, "shipping-began")
    assert [event["order_id"] for event in admin.published("admin.work.stopped.v1")] == [packing, shipping]
    states = {
        order["order_id"]: change["state"]
        for change in state_changes(admin, "packing") + state_changes(admin, "shipping")
        for order in change["orders"]
    }
    assert states == {packing: "failed", shipping: "failed", in_transit: "in_progress"}


def test_an_order_that_was_stopped_before_its_payment_event_is_never_packed(admin: Harness, eva: Send) -> None:
    order_id = new_id("bor")
    assert stop_work(admin, order_id).status_code == 204
    publish_paid_order(admin, order_id)
    assert list_own(eva, "packing") == []


def test_a_cancellation_event_ends_the_work_on_an_order(admin: Harness, eva: Send) -> None:
    order_id = new_id("bor")
    publish_paid_order(admin, order_id)
    data: dict[str, Any] = {
        "order_id": order_id,
        "buyer_id": user_id("ines"),
        "state": "cancelled",
        "previous_state": "paid",
        "product_ids": [new_id("prd")],
        "total": {"amount": 4900, "currency": "EUR"},
        "payment_id": new_id("pay"),
        "pickup_location_id": LOCATION,
        "pickup_location_name": "Rossio",
        "is_first": False,
        "return_until": None,
        "at": clock.rfc3339(clock.now()),
    }
    for _ in range(2):
        admin.deliver("customer.buying_order.state_changed.v1", data | {"reason": "force_cancelled"})
    work_order = get_own(eva, "packing")
    assert (work_order["state"], work_order["reason"]) == ("failed", "a manager cancelled the order")
    publish_paid_order(admin, order_id)
    assert get_own(eva, "packing")["state"] == "failed"


def test_only_the_customer_service_stops_work(admin: Harness) -> None:
    manager = admin.as_user("marta", "admin:work-orders:write", "internal", roles=["manager"])
    assert manager("POST", "/admin/v1/work-stops", json={"order_id": new_id("bor")}).status_code == 403
