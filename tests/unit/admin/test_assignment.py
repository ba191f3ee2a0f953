"""Who can do which work, and who gets it."""

from __future__ import annotations

from typing import Any

import pytest

from libs.chassis.problems import NotFound
from services.admin import assignment, employees, work_orders
from services.admin.work_orders import KINDS
from tests.unit.admin.people import employee, work_order


@pytest.mark.parametrize(
    ("roles", "kinds", "expected"),
    [
        (["deliveryman"], None, ["collecting", "shipping"]),
        (["employee"], None, ["checking", "packing"]),
        (["employee", "deliveryman"], None, list(KINDS)),
        (["manager"], None, []),
        ([], None, []),
        (["deliveryman"], ["packing"], ["packing"]),  # what a manager set replaces what the roles say
        (["deliveryman"], [], []),
    ],
)
def test_roles_decide_on_the_kinds_of_work_unless_a_manager_does(
    roles: list[str], kinds: list[str] | None, expected: list[str]
) -> None:
    assert employees.kinds_of(employee("rui", roles=roles, kinds=kinds)) == expected


@pytest.mark.parametrize("state", ["invited", "removed", "suspended"])
def test_only_active_people_work(state: str) -> None:
    assert not employees.can_do(employee("rui", state=state), "collecting")
    assert employees.can_do(employee("rui"), "collecting")


@pytest.mark.parametrize(
    ("facts", "chosen"),
    [
        ({"kind": "collecting", "deliveryman_id": "zoe", "area": "Baixa"}, "zoe"),  # the location's deliveryman
        ({"kind": "shipping", "deliveryman_id": "zoe", "area": "Baixa"}, "zoe"),
        ({"kind": "collecting", "deliveryman_id": "gone", "area": "BAIXA"}, "rui"),  # somebody of the area
        ({"kind": "collecting", "area": "Alfama"}, "ana"),  # nobody there: who has least
        ({"kind": "collecting"}, "ana"),
        ({"kind": "packing", "deliveryman_id": "zoe", "area": "Baixa"}, "ana"),  # not carried: who has least
    ],
)
def test_location_then_area_then_load_decide(facts: dict[str, Any], chosen: str) -> None:
    able = {person.id: person for person in (employee("rui", areas=["Baixa"]), employee("zoe"), employee("ana"))}
    load = {"rui": 5, "zoe": 9, "ana": 1}
    assert assignment.best_of(work_order(**facts), able, load) == chosen


def test_of_equal_loads_the_first_id_decides() -> None:
    able = {name: employee(name) for name in ("zoe", "rui")}
    assert assignment.best_of(work_order("packing"), able, {"zoe": 2, "rui": 2}) == "rui"


@pytest.mark.parametrize(("kind", "person"), [("collecting", "zoe"), ("shipping", "rui"), ("collecting", "")])
def test_a_work_order_of_somebody_else_or_of_another_kind_does_not_exist(kind: str, person: str) -> None:
    own = work_order("collecting", "assigned", assignee_id="rui")
    with pytest.raises(NotFound):
        work_orders.refuse_unless_own(own, kind, person)
    assert work_orders.refuse_unless_own(own, "collecting", "rui") is own
