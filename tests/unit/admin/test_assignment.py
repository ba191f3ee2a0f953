"""Which work an employee does, and who is assigned a work order."""

from __future__ import annotations

from typing import Any

import pytest

from services.admin.employees.rules import can_do, kinds_of_work
from services.admin.work import assignment
from services.admin.work.rules import KINDS
from tests.unit.admin.factories import build_employee, build_work_order


@pytest.mark.parametrize(
    ("roles", "kinds", "expected"),
    [
        (["deliveryman"], None, ["collecting", "shipping"]),
        (["employee"], None, ["checking", "packing"]),
        (["employee", "deliveryman"], None, list(KINDS)),
        (["manager"], None, []),
        ([], None, []),
        (["deliveryman"], ["packing"], ["packing"]),  # what a manager set replaces the kinds of the roles
        (["deliveryman"], [], []),
    ],
)
def test_roles_decide_on_the_kinds_of_work_unless_a_manager_set_them(
    roles: list[str], kinds: list[str] | None, expected: list[str]
) -> None:
    assert kinds_of_work(build_employee("rui", roles=roles, kinds=kinds)) == expected


@pytest.mark.parametrize("state", ["invited", "removed", "suspended"])
def test_only_active_employees_work(state: str) -> None:
    assert not can_do(build_employee("rui", state=state), "collecting")
    assert can_do(build_employee("rui"), "collecting")


@pytest.mark.parametrize(
    ("fields", "assignee"),
    [
        ({"kind": "collecting", "deliveryman_id": "zoe", "area": "Baixa"}, "zoe"),  # the location's deliveryman
        ({"kind": "shipping", "deliveryman_id": "zoe", "area": "Baixa"}, "zoe"),
        ({"kind": "collecting", "deliveryman_id": "gone", "area": "BAIXA"}, "rui"),  # somebody of the area
        ({"kind": "collecting", "area": "Alfama"}, "ana"),  # nobody of the area: the lowest load
        ({"kind": "collecting"}, "ana"),
        ({"kind": "packing", "deliveryman_id": "zoe", "area": "Baixa"}, "ana"),  # not carried: the lowest load
    ],
)
def test_the_assignee_depends_on_location_then_area_then_load(fields: dict[str, Any], assignee: str) -> None:
    employees = (build_employee("rui", areas=["Baixa"]), build_employee("zoe"), build_employee("ana"))
    able = {employee.id: employee for employee in employees}
    load = {"rui": 5, "zoe": 9, "ana": 1}
    assert assignment.choose_assignee(build_work_order(**fields), able, load) == assignee


def test_of_equal_loads_the_first_id_is_chosen() -> None:
    able = {name: build_employee(name) for name in ("zoe", "rui")}
    assert assignment.choose_assignee(build_work_order("packing"), able, {"zoe": 2, "rui": 2}) == "rui"
