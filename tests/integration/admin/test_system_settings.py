"""System settings in the database and in ElastiCache."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from libs.chassis import db
from libs.chassis.cache import redis_client
from libs.chassis.system_settings import publish_settings, setting
from services.admin.system_settings import store
from tests.support.harness import Harness, running, user_id


def test_a_manager_changes_a_setting_and_services_read_it(admin: Harness) -> None:
    send = admin.as_user("manager", "admin:settings:read admin:settings:write admin:audit:read", "internal")
    listed = {item["name"]: item for item in send("GET", "/admin/v1/settings").json()["items"]}
    assert listed["shopping.hold_minutes"]["value"] == 15
    changed = send("PUT", "/admin/v1/settings/shopping.hold_minutes", json={"value": 20})
    assert changed.status_code == 200
    assert (changed.json()["value"], changed.json()["updated_by"]) == (20, user_id("manager"))
    assert setting("shopping.hold_minutes") == 20
    [audit] = admin.published("admin.audit.recorded.v1")
    assert (audit["before"], audit["after"]) == ({"value": 15}, {"value": 20})


def test_settings_are_copied_to_an_emptied_cache(admin: Harness) -> None:
    send = admin.as_user("manager", "admin:settings:write", "internal")
    send("PUT", "/admin/v1/settings/shopping.hold_minutes", json={"value": 25})
    redis_client().flushdb()
    job = next(job for job in admin.service.events.jobs if job.name == "copy_settings")
    with db.unit_of_work():
        job.run()
    assert setting("shopping.hold_minutes") == 25


def test_wrong_settings_in_the_cache_are_corrected(admin: Harness) -> None:
    publish_settings({"shopping.hold_minutes": 99})
    with db.unit_of_work():
        store.copy_all()
    assert setting("shopping.hold_minutes") == 15


def test_a_setting_changes_only_if_its_etag_matches(admin: Harness) -> None:
    send = admin.as_user("manager", "admin:settings:read admin:settings:write", "internal")
    path = "/admin/v1/settings/shopping.hold_minutes"
    read = {item["name"]: item["version"] for item in send("GET", "/admin/v1/settings").json()["items"]}
    match = {"If-Match": f'"{read["shopping.hold_minutes"]}"'}
    first = send("PUT", path, json={"value": 20}, headers=match)
    assert (first.status_code, first.headers["ETag"], first.json()["version"]) == (200, '"1"', 1)
    late = send("PUT", path, json={"value": 30}, headers=match)
    assert late.status_code == 412
    assert '"1"' in late.json()["detail"]
    again = send("PUT", path, json={"value": 30}, headers={"If-Match": first.headers["ETag"]})
    assert (again.json()["value"], again.json()["version"]) == (30, 2)
    assert send("PUT", path, json={"value": 40}).json()["version"] == 3


def test_an_invalid_change_is_not_stored(admin: Harness) -> None:
    send = admin.as_user("manager", "admin:settings:read admin:settings:write", "internal")
    send("PUT", "/admin/v1/settings/shopping.hold_minutes", json={"value": 20})
    response = send("PUT", "/admin/v1/settings/shopping.hold_minutes", json={"value": 0})
    assert response.json()["errors"] == [{"pointer": "/value", "detail": "expected a whole number from 1 to 1440"}]
    listed = {item["name"]: item["value"] for item in send("GET", "/admin/v1/settings").json()["items"]}
    assert listed["shopping.hold_minutes"] == 20 == setting("shopping.hold_minutes")
    assert len(admin.published("admin.audit.recorded.v1")) == 1


@pytest.mark.real_servers
def test_no_concurrent_change_is_lost_silently(admin: Harness) -> None:
    path = "/admin/v1/settings/shopping.hold_minutes"
    values = list(range(10, 18))

    def change(value: int) -> int:
        send = admin.as_user(f"manager {value}", "admin:settings:write", "internal")
        status: int = send("PUT", path, json={"value": value}).status_code
        return status

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(change, values))
    assert set(statuses) <= {200, 409}
    changes = [entry["after"]["value"] for entry in admin.published("admin.audit.recorded.v1")]
    assert sorted(changes) == [value for value, status in zip(values, statuses, strict=True) if status == 200]
    with db.unit_of_work(reads_only=True):
        now = store.get("shopping.hold_minutes")
        assert (now.version, now.value) == (len(changes), changes[-1])


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
def test_invalid_settings_are_rejected(admin: Harness, name: str, value: Any, status: int) -> None:
    send = admin.as_user("manager", "admin:settings:write", "internal")
    assert send("PUT", f"/admin/v1/settings/{name}", json={"value": value}).status_code == status


def test_a_setting_is_stored_while_the_cache_is_down(database_url: str) -> None:
    with running("admin", {"RECLOTHES_DATABASE_URL": database_url}) as admin:
        send = admin.as_user("manager", "admin:settings:write admin:settings:read", "internal")
        assert send("PUT", "/admin/v1/settings/shopping.hold_minutes", json={"value": 30}).status_code == 200
        listed = {item["name"]: item["value"] for item in send("GET", "/admin/v1/settings").json()["items"]}
        assert listed["shopping.hold_minutes"] == 30


def test_scopes_of_the_contract_are_required(admin: Harness) -> None:
    send = admin.as_user("employee", "admin:packing-orders", "internal")
    assert send("GET", "/admin/v1/audit-entries").status_code == 403
    assert send("PUT", "/admin/v1/settings/shopping.hold_minutes", json={"value": 1}).status_code == 403
    assert admin.client.get("/admin/v1/settings").status_code == 401
