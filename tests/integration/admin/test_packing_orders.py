"""Packing orders of buying orders."""

from __future__ import annotations

import json
import uuid

import jsonschema_rs
import yaml
from sqlalchemy import select

from libs.chassis import db
from libs.chassis.settings import ROOT
from libs.chassis.tables import OutboxRow
from services.admin.work import packing_orders, work_orders
from tests.support.harness import Harness

ORDER = "bor_" + "1" * 32


PRODUCT = "prd_" + "2" * 32


LOCATION = "loc_" + "3" * 32


PAID = {
    "order_id": ORDER,
    "buyer_id": "usr_" + "4" * 32,
    "items": [{"product_id": PRODUCT, "title": "Navy coat", "price": {"amount": 4900, "currency": "EUR"}}],
    "total": {"amount": 4900, "currency": "EUR"},
    "pickup_location_id": LOCATION,
    "pickup_location_name": "Rossio",
    "payment_id": "pay_" + "5" * 32,
    "paid_at": "2026-01-02T03:04:05.000000Z",
}


def test_repeated_events_of_a_paid_order_create_one_packing_order(admin: Harness) -> None:
    event_id = f"evt_{uuid.uuid4().hex}"
    for known_id in (event_id, event_id, None):
        admin.deliver("customer.buying_order.paid.v1", PAID, known_id)
    send = admin.as_user("employee", "admin:packing-orders", "internal")
    [packing_order] = send("GET", "/admin/v1/packing-orders").json()["items"]
    assert (packing_order["order_id"], packing_order["state"]) == (ORDER, "open")
    assert packing_order["items"] == [{"product_id": PRODUCT, "title": "Navy coat"}]
    assert send("GET", f"/admin/v1/packing-orders/{packing_order['id']}").json() == packing_order
    assert send("GET", "/admin/v1/packing-orders", params={"state": "done"}).json()["items"] == []
    assert len(admin.published("admin.packing_order.created.v1")) == 1


def test_a_published_event_matches_the_catalogue(admin: Harness) -> None:
    admin.deliver("customer.buying_order.paid.v1", PAID)
    catalogue = yaml.safe_load((ROOT / "openapi" / "asyncapi.yaml").read_text())
    described = jsonschema_rs.validator_for(catalogue["components"]["schemas"]["CloudEvent"], validate_formats=True)
    with db.unit_of_work(reads_only=True) as session:
        created = select(OutboxRow).where(OutboxRow.type == "admin.packing_order.created.v1")
        [row] = session.scalars(created)
        document = json.loads(row.body)
    assert not [error.message for error in described.iter_errors(document)]
    assert (document["type"], document["subject"]) == (row.type, row.subject)
    assert document["data"]["order_id"] == ORDER


def test_an_unknown_packing_order_is_404(admin: Harness) -> None:
    send = admin.as_user("employee", "admin:packing-orders", "internal")
    assert send("GET", f"/admin/v1/packing-orders/pko_{'9' * 32}").status_code == 404


def test_packing_orders_are_paged_newest_first(admin: Harness) -> None:
    for number in range(5):
        with db.unit_of_work():
            location = work_orders.find_location(LOCATION, "Rossio")
            packing_orders.create_for_buying_order(f"bor_{number:032x}", PAID["items"], location)  # type: ignore[arg-type]
    send = admin.as_user("employee", "admin:packing-orders", "internal")
    seen, cursor = [], None
    for _ in range(3):
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = send("GET", "/admin/v1/packing-orders", params=query).json()
        seen += [item["order_id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert seen == [f"bor_{number:032x}" for number in (4, 3, 2, 1, 0)]
