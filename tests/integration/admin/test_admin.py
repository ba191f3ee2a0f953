"""Admin on both databases: packing orders, system settings, the audit trail."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema_rs
import pytest
import yaml
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from libs.chassis import db
from libs.chassis.cache import redis_client
from libs.chassis.service import NAMES
from libs.chassis.settings import ROOT
from libs.chassis.system_settings import publish_settings, setting
from libs.chassis.tables import OutboxRow
from services.admin.system_settings import store
from services.admin.work import packing_orders, work_orders
from tests.support.harness import Harness, running, user_id

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


def test_a_paid_order_makes_one_packing_order_however_often_it_is_told(admin: Harness) -> None:
    event_id = f"evt_{uuid.uuid4().hex}"
    for known_id in (event_id, event_id, None):
        admin.deliver("customer.buying_order.paid.v1", PAID, known_id)
    ask = admin.as_user("employee", "admin:packing-orders", "internal")
    [packing_order] = ask("GET", "/admin/v1/packing-orders").json()["items"]
    assert (packing_order["order_id"], packing_order["state"]) == (ORDER, "open")
    assert packing_order["items"] == [{"product_id": PRODUCT, "title": "Navy coat"}]
    assert ask("GET", f"/admin/v1/packing-orders/{packing_order['id']}").json() == packing_order
    assert ask("GET", "/admin/v1/packing-orders", params={"state": "done"}).json()["items"] == []
    assert len(admin.published("admin.packing_order.created.v1")) == 1


def test_what_is_sent_is_the_cloud_event_of_the_catalogue(admin: Harness) -> None:
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
    ask = admin.as_user("employee", "admin:packing-orders", "internal")
    assert ask("GET", f"/admin/v1/packing-orders/pko_{'9' * 32}").status_code == 404


def test_packing_orders_are_paged_newest_first(admin: Harness) -> None:
    for number in range(5):
        with db.unit_of_work():
            location = work_orders.work_location(LOCATION)
            packing_orders.create_for_buying_order(f"bor_{number:032x}", PAID["items"], location)  # type: ignore[arg-type]
    ask = admin.as_user("employee", "admin:packing-orders", "internal")
    seen, cursor = [], None
    for _ in range(3):
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = ask("GET", "/admin/v1/packing-orders", params=query).json()
        seen += [item["order_id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert seen == [f"bor_{number:032x}" for number in (4, 3, 2, 1, 0)]


def test_a_manager_changes_a_setting_and_services_see_it(admin: Harness) -> None:
    ask = admin.as_user("manager", "admin:settings:read admin:settings:write admin:audit:read", "internal")
    listed = {item["name"]: item for item in ask("GET", "/admin/v1/settings").json()["items"]}
    assert listed["shopping.hold_minutes"]["value"] == 15
    changed = ask("PUT", "/admin/v1/settings/shopping.hold_minutes", json={"value": 20})
    assert changed.status_code == 200
    assert (changed.json()["value"], changed.json()["updated_by"]) == (20, user_id("manager"))
    assert setting("shopping.hold_minutes") == 20
    [audit] = admin.published("admin.audit.recorded.v1")
    assert (audit["before"], audit["after"]) == ({"value": 15}, {"value": 20})


def test_an_emptied_cache_gets_the_settings_back(admin: Harness) -> None:
    ask = admin.as_user("manager", "admin:settings:write", "internal")
    ask("PUT", "/admin/v1/settings/shopping.hold_minutes", json={"value": 25})
    redis_client().flushdb()
    job = next(job for job in admin.service.events.jobs if job.name == "copy_settings")
    with db.unit_of_work():
        job.run()
    assert setting("shopping.hold_minutes") == 25


def test_a_cache_that_contradicts_the_database_is_put_right(admin: Harness) -> None:
    publish_settings({"shopping.hold_minutes": 99})
    with db.unit_of_work():
        store.copy_all()
    assert setting("shopping.hold_minutes") == 15


def test_a_change_of_a_setting_can_be_tied_to_what_was_read(admin: Harness) -> None:
    ask = admin.as_user("manager", "admin:settings:read admin:settings:write", "internal")
    path = "/admin/v1/settings/shopping.hold_minutes"
    read = {item["name"]: item["version"] for item in ask("GET", "/admin/v1/settings").json()["items"]}
    match = {"If-Match": f'"{read["shopping.hold_minutes"]}"'}
    first = ask("PUT", path, json={"value": 20}, headers=match)
    assert (first.status_code, first.headers["ETag"], first.json()["version"]) == (200, '"1"', 1)
    late = ask("PUT", path, json={"value": 30}, headers=match)
    assert late.status_code == 412
    assert '"1"' in late.json()["detail"]
    again = ask("PUT", path, json={"value": 30}, headers={"If-Match": first.headers["ETag"]})
    assert (again.json()["value"], again.json()["version"]) == (30, 2)
    assert ask("PUT", path, json={"value": 40}).json()["version"] == 3


def test_a_refused_change_leaves_no_trace(admin: Harness) -> None:
    ask = admin.as_user("manager", "admin:settings:read admin:settings:write", "internal")
    ask("PUT", "/admin/v1/settings/shopping.hold_minutes", json={"value": 20})
    answer = ask("PUT", "/admin/v1/settings/shopping.hold_minutes", json={"value": 0})
    assert answer.json()["errors"] == [{"pointer": "/value", "detail": "expected a whole number from 1 to 1440"}]
    listed = {item["name"]: item["value"] for item in ask("GET", "/admin/v1/settings").json()["items"]}
    assert listed["shopping.hold_minutes"] == 20 == setting("shopping.hold_minutes")
    assert len(admin.published("admin.audit.recorded.v1")) == 1


@pytest.mark.real_servers
def test_two_managers_at_once_lose_no_change_silently(admin: Harness) -> None:
    path = "/admin/v1/settings/shopping.hold_minutes"
    values = list(range(10, 18))

    def change(value: int) -> int:
        ask = admin.as_user(f"manager {value}", "admin:settings:write", "internal")
        status: int = ask("PUT", path, json={"value": value}).status_code
        return status

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(change, values))
    assert set(statuses) <= {200, 409}
    told = [entry["after"]["value"] for entry in admin.published("admin.audit.recorded.v1")]
    assert sorted(told) == [value for value, status in zip(values, statuses, strict=True) if status == 200]
    with db.unit_of_work(reads_only=True):
        now = store.get("shopping.hold_minutes")
        assert (now.version, now.value) == (len(told), told[-1])


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("shopping.hold_minutes", "twenty", 422),
        ("shopping.hold_minutes", 10**30, 422),
        ("billing.currency", "€" * 60_000, 422),
        ("shopping.no_such_thing", 1, 404),
        ("NoName", 1, 400),
    ],
)
def test_a_setting_refuses_what_it_cannot_be(admin: Harness, name: str, value: Any, status: int) -> None:
    ask = admin.as_user("manager", "admin:settings:write", "internal")
    assert ask("PUT", f"/admin/v1/settings/{name}", json={"value": value}).status_code == status


def test_a_setting_is_kept_when_the_cache_is_away(database_url: str) -> None:
    with running("admin", {"RECLOTHES_DATABASE_URL": database_url}) as admin:
        ask = admin.as_user("manager", "admin:settings:write admin:settings:read", "internal")
        assert ask("PUT", "/admin/v1/settings/shopping.hold_minutes", json={"value": 30}).status_code == 200
        listed = {item["name"]: item["value"] for item in ask("GET", "/admin/v1/settings").json()["items"]}
        assert listed["shopping.hold_minutes"] == 30


def _audit(**changes: Any) -> dict[str, Any]:
    entry = {
        "actor_id": "usr_" + "1" * 32,
        "actor_roles": ["manager"],
        "action": "set_product_price",
        "target": PRODUCT,
        "source_ip": "127.0.0.1",
        "before": {"price": None},
        "after": {"price": {"amount": 1, "currency": "EUR"}},
        "request_id": "request-1",
        "occurred_at": "2026-01-02T03:04:05.000000Z",
    }
    return entry | changes


@pytest.mark.real_servers
def test_audit_entries_of_all_domains_are_kept_once_and_found(admin: Harness) -> None:
    event_id = f"evt_{uuid.uuid4().hex}"
    admin.deliver("shopping.audit.recorded.v1", _audit(), event_id)
    admin.deliver("shopping.audit.recorded.v1", _audit(), event_id)
    admin.deliver("locker.audit.recorded.v1", _audit(action="update_box", target="box_1"))
    ask = admin.as_user("manager", "admin:audit:read", "internal")
    assert len(ask("GET", "/admin/v1/audit-entries").json()["items"]) == 2
    for query in ({"action": "update_box"}, {"target": "box_1"}):
        [found] = ask("GET", "/admin/v1/audit-entries", params=query).json()["items"]
        assert (found["domain"], found["after"]["price"]["amount"]) == ("locker", 1)
    assert ask("GET", "/admin/v1/audit-entries", params={"actor": "nobody"}).json()["items"] == []


def test_an_audit_event_that_comes_again_after_the_inbox_forgot_it_changes_nothing(admin: Harness) -> None:
    event_id = f"evt_{uuid.uuid4().hex}"
    admin.deliver("shopping.audit.recorded.v1", _audit(), event_id)
    with db.unit_of_work() as session:
        session.execute(text("DELETE FROM inbox"))
    admin.deliver("shopping.audit.recorded.v1", _audit(action="other"), event_id)
    ask = admin.as_user("manager", "admin:audit:read", "internal")
    assert [item["action"] for item in ask("GET", "/admin/v1/audit-entries").json()["items"]] == [
        "set_product_price"
    ]


def test_every_domain_is_in_the_audit_trail(admin: Harness) -> None:
    for domain in NAMES:
        admin.deliver(f"{domain}.audit.recorded.v1", _audit())
    ask = admin.as_user("manager", "admin:audit:read", "internal")
    items = ask("GET", "/admin/v1/audit-entries").json()["items"]
    assert {item["domain"] for item in items} == set(NAMES)


@pytest.mark.real_servers
def test_the_audit_trail_is_paged_newest_first_with_its_filters(admin: Harness) -> None:
    for number in range(7):
        action = "odd" if number % 2 else "even"
        moment = f"2026-01-02T03:04:0{number}.000000Z"
        admin.deliver("shopping.audit.recorded.v1", _audit(action=action, occurred_at=moment))
    ask = admin.as_user("manager", "admin:audit:read", "internal")
    seen, cursor = [], None
    while True:
        query = {"action": "even", "limit": 3} | ({"cursor": cursor} if cursor else {})
        page = ask("GET", "/admin/v1/audit-entries", params=query).json()
        seen += [item["occurred_at"][17:19] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["06", "04", "02", "00"]


REPLACE = "REPLACE INTO audit_entries SELECT * FROM audit_entries"


@pytest.mark.real_servers
@pytest.mark.parametrize(
    "change", ["UPDATE audit_entries SET action = 'other'", "DELETE FROM audit_entries", REPLACE]
)
def test_the_database_refuses_to_change_an_audit_entry(admin: Harness, change: str) -> None:
    admin.deliver("shopping.audit.recorded.v1", _audit())
    with pytest.raises(DBAPIError, match="cannot be changed"), db.unit_of_work() as session:
        session.execute(text(change))


def test_scopes_of_the_contract_are_asked_for(admin: Harness) -> None:
    ask = admin.as_user("employee", "admin:packing-orders", "internal")
    assert ask("GET", "/admin/v1/audit-entries").status_code == 403
    assert ask("PUT", "/admin/v1/settings/shopping.hold_minutes", json={"value": 1}).status_code == 403
    assert admin.client.get("/admin/v1/settings").status_code == 401
