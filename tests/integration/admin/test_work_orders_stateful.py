"""Stateful test of work orders: staff scan, fail and finish, come and go, and donors cancel, in any order."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete

from libs.chassis import db
from libs.chassis.tables import OutboxRow
from services.admin.employees.tables import Employee
from services.admin.packages.tables import Package
from services.admin.work.tables import IncludedOrder, StoppedOrder, WorkOrder
from tests.integration.admin import support
from tests.integration.admin.support import SCOPES, Send, change_donation_state, hire, new_id, scan
from tests.support.harness import Harness, user_id
from tests.support.order_lifecycle import WORK_ORDER

DELIVERYMEN, EMPLOYEES = ("rui", "zoe"), ("eva", "ana")
ANY_OF = st.integers(0, 5)
ANYBODY = st.sampled_from([*DELIVERYMEN, *EMPLOYEES])
EXPECTED = {200, 201, 403, 404, 409, 422}


def delete_rows() -> None:
    """Delete what the previous run stored."""
    with db.unit_of_work() as session:
        for model in (IncludedOrder, Package, WorkOrder, Employee, StoppedOrder, OutboxRow):
            session.execute(delete(model))


def require_legal_transitions(changes: list[dict[str, Any]]) -> None:
    states: dict[str, str | None] = {}
    for change in changes:
        before = states.get(change["work_order_id"])
        assert change["previous_state"] == before
        assert before is None or (before, change["state"]) in WORK_ORDER
        assert (change["assignee_id"] is None) == (change["state"] == "open") or change["state"] == "failed"
        states[change["work_order_id"]] = change["state"]


def list_orders(changes: list[dict[str, Any]], kind: str, state: str) -> list[str]:
    """The customers' orders of work orders of this kind that came into this state."""
    reached = [change for change in changes if (change["kind"], change["state"]) == (kind, state)]
    return [order["order_id"] for change in reached for order in change["orders"]]


class WorkOrderMachine(RuleBasedStateMachine):
    """Random requests and events: each state change is legal, and rejected requests change nothing."""

    admin: ClassVar[Harness]
    manager: ClassVar[Send]

    def __init__(self) -> None:
        super().__init__()
        delete_rows()
        self.donations: list[str] = []
        self.checked_changes = 0
        for name in DELIVERYMEN:
            self.hire_or_remove(name, "active")
        for name in EMPLOYEES:
            self.hire_or_remove(name, "active")
        for count in (2, 1, 1):
            self.reach_threshold(count)

    def changes(self) -> list[dict[str, Any]]:
        return self.admin.published("admin.work_order.state_changed.v1")

    def send_as(self, name: str) -> Send:
        role = "deliveryman" if name in DELIVERYMEN else "employee"
        return self.admin.as_user(name, SCOPES[role], "internal", roles=[role])

    def work_order(self, number: int, *kinds: str) -> dict[str, Any] | None:
        created = [
            change for change in self.changes() if change["previous_state"] is None and change["kind"] in kinds
        ]
        return created[number % len(created)] if created else None

    def read(self, work_order: dict[str, Any]) -> dict[str, Any]:
        current: dict[str, Any] = self.manager("GET", f"/admin/v1/work-orders/{work_order['work_order_id']}").json()
        return current

    def check_response(self, response: httpx.Response, before: int) -> None:
        """A rejected request publishes no change."""
        assert response.status_code in EXPECTED, response.text
        if response.status_code >= 400:
            assert len(self.changes()) == before, response.text

    @rule(name=st.sampled_from([*DELIVERYMEN, *EMPLOYEES]), state=st.sampled_from(["active", "active", "removed"]))
    def hire_or_remove(self, name: str, state: str) -> None:
        hire(self.admin, name, "deliveryman" if name in DELIVERYMEN else "employee", state)

    @rule(count=st.integers(1, 2))
    def reach_threshold(self, count: int) -> None:
        donations = [new_id("dor") for _ in range(count)]
        self.donations += donations
        support.reach_threshold(self.admin, *donations)

    @rule(number=ANY_OF)
    def cancel_donation(self, number: int) -> None:
        if self.donations:
            donation = self.donations[number % len(self.donations)]
            change_donation_state(self.admin, donation, "cancelling", "deposited")

    def assignee_of(self, work_order: dict[str, Any], default: str) -> str:
        assignee = self.read(work_order)["assignee_id"]
        return next((name for name in (*DELIVERYMEN, *EMPLOYEES) if user_id(name) == assignee), default)

    @rule(number=ANY_OF, order=ANY_OF, other_person=st.none() | ANYBODY)
    def scan_code(self, number: int, order: int, other_person: str | None) -> None:
        work_order = self.work_order(number, "collecting", "checking")
        if work_order is None:
            return
        send = self.send_as(other_person or self.assignee_of(work_order, "rui"))
        order_id = work_order["orders"][order % len(work_order["orders"])]["order_id"]
        send("POST", "/admin/v1/packages", json={"order_id": order_id}, key=new_id("key"))
        codes = {part["order_id"]: part["tracking_code"] for part in self.read(work_order)["orders"]}
        if codes[order_id] is not None:
            before = len(self.changes())
            self.check_response(scan(send, codes[order_id]), before)

    @rule(
        number=ANY_OF, other_person=st.none() | ANYBODY, step=st.sampled_from(["start", "finish", "finish", "fail"])
    )
    def start_finish_or_fail(self, number: int, other_person: str | None, step: str) -> None:
        work_order = self.work_order(number, "collecting")
        if work_order is None:
            return
        send = self.send_as(other_person or self.assignee_of(work_order, "rui"))
        body = {"json": {"reason": "No key"}} if step == "fail" else {}
        before = len(self.changes())
        path = f"/admin/v1/collecting-orders/{work_order['work_order_id']}/{step}"
        self.check_response(send("POST", path, **body), before)

    @rule(number=ANY_OF, other_person=st.none() | ANYBODY, result=st.sampled_from(["good", "bad"]))
    def record_check(self, number: int, other_person: str | None, result: str) -> None:
        work_order = self.work_order(number, "checking")
        if work_order is None:
            return
        send = self.send_as(other_person or self.assignee_of(work_order, "eva"))
        before = len(self.changes())
        path = f"/admin/v1/checking-orders/{work_order['work_order_id']}"
        if result == "bad":
            self.check_response(send("POST", f"{path}/start"), before)
            before = len(self.changes())
        self.check_response(send("POST", f"{path}/result", json={"result": result}), before)

    @rule(number=ANY_OF, name=st.none() | ANYBODY)
    def reassign(self, number: int, name: str | None) -> None:
        work_order = self.work_order(number, "collecting", "checking")
        if work_order is None:
            return
        before = len(self.changes())
        path = f"/admin/v1/work-orders/{work_order['work_order_id']}/assignee"
        body = {"assignee_id": user_id(name) if name else None}
        self.check_response(self.manager("PUT", path, json=body), before)

    @invariant()
    def published_changes_are_legal(self) -> None:
        changes = self.changes()
        if len(changes) == self.checked_changes:
            return
        self.checked_changes = len(changes)
        require_legal_transitions(changes)
        collected, to_check, checked = (
            list_orders(changes, kind, state)
            for kind, state in (("collecting", "done"), ("checking", "open"), ("checking", "done"))
        )
        assert len(collected) == len(set(collected)), "collected twice"
        assert len(checked) == len(set(checked)), "checked twice"
        assert set(to_check) == set(collected)

    def teardown(self) -> None:
        """Work orders that are done have all their codes scanned; only active employees have work."""
        for item in self.manager("GET", "/admin/v1/work-orders", params={"limit": 100}).json()["items"]:
            remaining = [order for order in item["orders"] if order["removed_at"] is None]
            if item["state"] == "done":
                assert remaining
                assert all(order["scanned_at"] for order in remaining)
        active = {
            employee["id"]
            for employee in self.manager("GET", "/admin/v1/employees").json()["items"]
            if employee["state"] == "active"
        }
        for state in ("assigned", "in_progress"):
            response = self.manager("GET", "/admin/v1/work-orders", params={"state": state, "limit": 100})
            assert {item["assignee_id"] for item in response.json()["items"]} <= active


def run(admin: Harness, manager: Send, runs: int) -> None:
    machine = type("BoundWorkOrderMachine", (WorkOrderMachine,), {"admin": admin, "manager": staticmethod(manager)})
    chosen = settings(
        max_examples=runs,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],  # shrinking a run takes minutes
    )
    run_state_machine_as_test(machine, settings=chosen)


def test_random_actions_keep_the_lifecycle(admin: Harness, manager: Send) -> None:
    run(admin, manager, 4)


@pytest.mark.full
@pytest.mark.timeout(300)
def test_many_random_actions_keep_the_lifecycle(admin: Harness, manager: Send) -> None:
    run(admin, manager, 30)
