"""The audit trail of all domains."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.chassis import db
from libs.chassis.service import NAMES
from tests.support.harness import Harness

PRODUCT = "prd_" + "2" * 32


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
def test_audit_events_are_stored_once_and_can_be_filtered(admin: Harness) -> None:
    event_id = f"evt_{uuid.uuid4().hex}"
    admin.deliver("shopping.audit.recorded.v1", _audit(), event_id)
    admin.deliver("shopping.audit.recorded.v1", _audit(), event_id)
    admin.deliver("locker.audit.recorded.v1", _audit(action="update_box", target="box_1"))
    send = admin.as_user("manager", "admin:audit:read", "internal")
    assert len(send("GET", "/admin/v1/audit-entries").json()["items"]) == 2
    for query in ({"action": "update_box"}, {"target": "box_1"}):
        [entry] = send("GET", "/admin/v1/audit-entries", params=query).json()["items"]
        assert (entry["domain"], entry["after"]["price"]["amount"]) == ("locker", 1)
    assert send("GET", "/admin/v1/audit-entries", params={"actor": "nobody"}).json()["items"] == []


def test_a_duplicate_audit_event_changes_nothing_after_its_inbox_row_was_deleted(admin: Harness) -> None:
    event_id = f"evt_{uuid.uuid4().hex}"
    admin.deliver("shopping.audit.recorded.v1", _audit(), event_id)
    with db.unit_of_work() as session:
        session.execute(text("DELETE FROM inbox"))
    admin.deliver("shopping.audit.recorded.v1", _audit(action="other"), event_id)
    send = admin.as_user("manager", "admin:audit:read", "internal")
    assert [item["action"] for item in send("GET", "/admin/v1/audit-entries").json()["items"]] == [
        "set_product_price"
    ]


def test_every_domain_is_in_the_audit_trail(admin: Harness) -> None:
    for domain in NAMES:
        admin.deliver(f"{domain}.audit.recorded.v1", _audit())
    send = admin.as_user("manager", "admin:audit:read", "internal")
    items = send("GET", "/admin/v1/audit-entries").json()["items"]
    assert {item["domain"] for item in items} == set(NAMES)


@pytest.mark.real_servers
def test_the_audit_trail_is_paged_newest_first_with_its_filters(admin: Harness) -> None:
    for number in range(7):
        action = "odd" if number % 2 else "even"
        timestamp = f"2026-01-02T03:04:0{number}.000000Z"
        admin.deliver("shopping.audit.recorded.v1", _audit(action=action, occurred_at=timestamp))
    send = admin.as_user("manager", "admin:audit:read", "internal")
    seen, cursor = [], None
    while True:
        query = {"action": "even", "limit": 3} | ({"cursor": cursor} if cursor else {})
        page = send("GET", "/admin/v1/audit-entries", params=query).json()
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
def test_the_database_rejects_changes_of_audit_entries(admin: Harness, change: str) -> None:
    admin.deliver("shopping.audit.recorded.v1", _audit())
    with pytest.raises(DBAPIError, match="cannot be changed"), db.unit_of_work() as session:
        session.execute(text(change))
