"""Random walks of work orders: people scan, fail, finish and come and go in any order, donors cancel."""

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
from tests.integration.admin.support import SCOPES, Ask, fill, hire, move_donation, new_id, scan
from tests.support.harness import Harness, user_id
from tests.support.order_lifecycle import WORK_ORDER

DELIVERYMEN, EMPLOYEES = ("rui", "zoe"), ("eva", "ana")
ANY_OF = st.integers(0, 5)
ANYBODY = st.sampled_from([*DELIVERYMEN, *EMPLOYEES])
EXPECTED = {200, 201, 403, 404, 409, 422}


def begin_anew() -> None:
    """Forget the walk before."""
    with db.unit_of_work() as session:
        for model in (IncludedOrder, Package, WorkOrder, Employee, StoppedOrder, OutboxRow):
            session.execute(delete(model))


def check_each_move_follows_the_one_before(told: list[dict[str, Any]]) -> None:
    states: dict[str, str | None] = {}
    for move in told:
        before = states.get(move["work_order_id"])
        assert move["previous_state"] == before
        assert before is None or (before, move["state"]) in WORK_ORDER
        assert (move["assignee_id"] is None) == (move["state"] == "open") or move["state"] == "failed"
        states[move["work_order_id"]] = move["state"]


def orders_of(told: list[dict[str, Any]], kind: str, state: str) -> list[str]:
    """The customers' orders of the moves of this kind into this state."""
    moves = [move for move in told if (move["kind"], move["state"]) == (kind, state)]
    return [order["order_id"] for move in moves for order in move["orders"]]


class WorkOrderWalk(RuleBasedStateMachine):
    """Whatever is asked in whatever state: each move is one of the table, and refusals move nothing."""

    admin: ClassVar[Harness]
    manager: ClassVar[Ask]

    def __init__(self) -> None:
        super().__init__()
        begin_anew()
        self.donations: list[str] = []
        self.already_looked_at = 0
        for name in DELIVERYMEN:
            self.comes_or_goes(name, "active")
        for name in EMPLOYEES:
            self.comes_or_goes(name, "active")
        for count in (2, 1, 1):
            self.location_fills_up(count)

    def told(self) -> list[dict[str, Any]]:
        return self.admin.published("admin.work_order.state_changed.v1")

    def asks(self, name: str) -> Ask:
        role = "deliveryman" if name in DELIVERYMEN else "employee"
        return self.admin.as_user(name, SCOPES[role], "internal", roles=[role])

    def work_order(self, number: int, *kinds: str) -> dict[str, Any] | None:
        made = [move for move in self.told() if move["previous_state"] is None and move["kind"] in kinds]
        return made[number % len(made)] if made else None

    def state_of(self, work_order: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.manager("GET", f"/admin/v1/work-orders/{work_order['work_order_id']}").json()
        return found

    def moving(self, answer: httpx.Response, before: int) -> None:
        """Refused: nothing is told."""
        assert answer.status_code in EXPECTED, answer.text
        if answer.status_code >= 400:
            assert len(self.told()) == before, answer.text

    @rule(name=st.sampled_from([*DELIVERYMEN, *EMPLOYEES]), state=st.sampled_from(["active", "active", "removed"]))
    def comes_or_goes(self, name: str, state: str) -> None:
        hire(self.admin, name, "deliveryman" if name in DELIVERYMEN else "employee", state)

    @rule(count=st.integers(1, 2))
    def location_fills_up(self, count: int) -> None:
        donations = [new_id("dor") for _ in range(count)]
        self.donations += donations
        fill(self.admin, *donations)

    @rule(number=ANY_OF)
    def donor_cancels(self, number: int) -> None:
        if self.donations:
            donation = self.donations[number % len(self.donations)]
            move_donation(self.admin, donation, "cancelling", "deposited")

    def assignee_of(self, work_order: dict[str, Any], otherwise: str) -> str:
        assignee = self.state_of(work_order)["assignee_id"]
        return next((name for name in (*DELIVERYMEN, *EMPLOYEES) if user_id(name) == assignee), otherwise)

    @rule(number=ANY_OF, order=ANY_OF, stranger=st.none() | ANYBODY)
    def somebody_scans(self, number: int, order: int, stranger: str | None) -> None:
        work_order = self.work_order(number, "collecting", "checking")
        if work_order is None:
            return
        ask = self.asks(stranger or self.assignee_of(work_order, "rui"))
        order_id = work_order["orders"][order % len(work_order["orders"])]["order_id"]
        ask("POST", "/admin/v1/packages", json={"order_id": order_id}, key=new_id("key"))
        codes = {part["order_id"]: part["tracking_code"] for part in self.state_of(work_order)["orders"]}
        if codes[order_id] is not None:
            before = len(self.told())
            self.moving(scan(ask, codes[order_id]), before)

    @rule(number=ANY_OF, stranger=st.none() | ANYBODY, step=st.sampled_from(["start", "finish", "finish", "fail"]))
    def somebody_takes_a_step(self, number: int, stranger: str | None, step: str) -> None:
        work_order = self.work_order(number, "collecting")
        if work_order is None:
            return
        ask = self.asks(stranger or self.assignee_of(work_order, "rui"))
        body = {"json": {"reason": "No key"}} if step == "fail" else {}
        before = len(self.told())
        path = f"/admin/v1/collecting-orders/{work_order['work_order_id']}/{step}"
        self.moving(ask("POST", path, **body), before)

    @rule(number=ANY_OF, stranger=st.none() | ANYBODY, result=st.sampled_from(["good", "bad"]))
    def somebody_checks(self, number: int, stranger: str | None, result: str) -> None:
        work_order = self.work_order(number, "checking")
        if work_order is None:
            return
        ask = self.asks(stranger or self.assignee_of(work_order, "eva"))
        before = len(self.told())
        path = f"/admin/v1/checking-orders/{work_order['work_order_id']}"
        if result == "bad":
            self.moving(ask("POST", f"{path}/start"), before)
            before = len(self.told())
        self.moving(ask("POST", f"{path}/result", json={"result": result}), before)

    @rule(number=ANY_OF, name=st.none() | ANYBODY)
    def manager_reassigns(self, number: int, name: str | None) -> None:
        work_order = self.work_order(number, "collecting", "checking")
        if work_order is None:
            return
        before = len(self.told())
        path = f"/admin/v1/work-orders/{work_order['work_order_id']}/assignee"
        body = {"assignee_id": user_id(name) if name else None}
        self.moving(self.manager("PUT", path, json=body), before)

    @invariant()
    def what_was_told_makes_sense(self) -> None:
        told = self.told()
        if len(told) == self.already_looked_at:
            return
        self.already_looked_at = len(told)
        check_each_move_follows_the_one_before(told)
        collected, to_check, checked = (
            orders_of(told, kind, state)
            for kind, state in (("collecting", "done"), ("checking", "open"), ("checking", "done"))
        )
        assert len(collected) == len(set(collected)), "collected twice"
        assert len(checked) == len(set(checked)), "checked twice"
        assert set(to_check) == set(collected)

    def teardown(self) -> None:
        """What is done has all its codes scanned; nobody who left has work."""
        for item in self.manager("GET", "/admin/v1/work-orders", params={"limit": 100}).json()["items"]:
            live = [order for order in item["orders"] if order["removed_at"] is None]
            if item["state"] == "done":
                assert live
                assert all(order["scanned_at"] for order in live)
        active = {
            employee["id"]
            for employee in self.manager("GET", "/admin/v1/employees").json()["items"]
            if employee["state"] == "active"
        }
        for state in ("assigned", "in_progress"):
            found = self.manager("GET", "/admin/v1/work-orders", params={"state": state, "limit": 100})
            assert {item["assignee_id"] for item in found.json()["items"]} <= active


def walk(admin: Harness, manager: Ask, walks: int) -> None:
    machine = type("WorkOrderWalkHere", (WorkOrderWalk,), {"admin": admin, "manager": staticmethod(manager)})
    chosen = settings(
        max_examples=walks,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],  # shrinking a walk takes minutes
    )
    run_state_machine_as_test(machine, settings=chosen)


def test_no_short_walk_leaves_the_table(admin: Harness, manager: Ask) -> None:
    walk(admin, manager, 4)


@pytest.mark.full
@pytest.mark.timeout(300)
def test_no_walk_leaves_the_table(admin: Harness, manager: Ask) -> None:
    walk(admin, manager, 30)
