"""A broken row does not affect others: lists leave it out, and jobs continue and report it."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import insert, text

from libs.chassis import db
from libs.chassis.clock import now
from services.admin.audit.tables import AuditEntry
from services.admin.work import jobs
from tests.integration.admin.support import Send, collect, hire, new_id, reach_threshold, state_changes
from tests.support.harness import Harness, user_id


def read_counter(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"reclothes_{name}_total", labels) or 0


def break_row(table: str, column: str, key: str, row_id: str, value: str) -> None:
    with db.unit_of_work() as session:
        statement = text(f"UPDATE {table} SET {column} = :value WHERE {key} = :row_id")
        session.execute(statement, {"value": value, "row_id": row_id})


def build_entry(**changed: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"domain": "shopping", "actor_id": user_id("marta"), "actor_roles": ["manager"]}
    fields |= {"action": "price", "target": "prd_1", "source_ip": "203.0.113.7", "request_id": "r"}
    return fields | {"id": new_id("aud"), "before": None, "after": None, "occurred_at": now()} | changed


@pytest.mark.parametrize("changed", [{"actor_roles": "manager"}, {"target": "x" * 201}])
def test_the_audit_trail_leaves_out_a_broken_entry(admin: Harness, changed: dict[str, Any]) -> None:
    entries = [build_entry(), build_entry(**changed), build_entry()]
    with db.unit_of_work() as session:
        for one in entries:
            session.execute(insert(AuditEntry).values(**one))
    before = read_counter("rows_omitted", table="audit_entries")
    response = admin.as_user("marta", "admin:audit:read", "internal")("GET", "/admin/v1/audit-entries")
    assert response.status_code == 200, response.text
    assert {item["id"] for item in response.json()["items"]} == {entries[0]["id"], entries[2]["id"]}
    assert read_counter("rows_omitted", table="audit_entries") == before + 1


@pytest.mark.parametrize(
    ("table", "column", "where", "value"),
    [
        ("work_orders", "state", "id", "lost"),
        ("work_orders", "photo_keys", "id", "{"),
        ("included_orders", "contents", "work_order_id", "{"),
    ],
)
def test_lists_of_work_orders_leave_out_a_broken_one(
    admin: Harness, manager: Send, table: str, column: str, where: str, value: str
) -> None:
    for _ in range(3):
        reach_threshold(admin, new_id("dor"))
    ids = [change["work_order_id"] for change in state_changes(admin, "collecting", "open")]
    break_row(table, column, where, ids[1], value)
    response = manager("GET", "/admin/v1/work-orders")
    assert response.status_code == 200, response.text
    assert [item["id"] for item in response.json()["items"]] == [ids[2], ids[0]]


def test_the_list_of_bad_packages_leaves_out_a_broken_one(admin: Harness, manager: Send) -> None:
    rui, orders = hire(admin, "rui", "deliveryman"), [new_id("dor") for _ in range(3)]
    reach_threshold(admin, *orders)
    packages = [package["id"] for package in collect(rui, orders)]
    for package_id in packages:
        break_row("packages", "result", "id", package_id, "bad")
        break_row("packages", "checked_at", "id", package_id, "2026-11-23 10:15:30.000000")
    break_row("packages", "order_id", "id", packages[1], "no order")
    response = manager("GET", "/admin/v1/bad-packages")
    assert response.status_code == 200, response.text
    assert {item["id"] for item in response.json()["items"]} == {packages[0], packages[2]}


def test_a_broken_work_order_blocks_the_assignment_of_no_other(admin: Harness, manager: Send) -> None:
    for _ in range(3):
        reach_threshold(admin, new_id("dor"))
    ids = [change["work_order_id"] for change in state_changes(admin, "collecting", "open")]
    break_row("work_orders", "photo_keys", "id", ids[0], "{")
    before = read_counter("job_items_failed", job="assign_open_work_orders")
    hire(admin, "rui", "deliveryman")
    with db.unit_of_work():
        jobs.assign_open_work_orders()
    assert read_counter("job_items_failed", job="assign_open_work_orders") == before + 2
    assert [manager("GET", f"/admin/v1/work-orders/{one}").json()["state"] for one in ids[1:]] == ["assigned"] * 2
