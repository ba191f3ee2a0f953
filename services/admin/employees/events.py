"""Events about internal users."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.event_types import StaffChanged
from libs.chassis.events import Event
from services.admin.employees import employees
from services.admin.registry import registry
from services.admin.work import assignment


@registry.handles("auth.staff.changed.v1")
def update_employee(event: Event[StaffChanged]) -> None:
    employee = employees.update_from_auth(event.data, clock.parse_rfc3339(event.time))
    if employee is not None:
        assignment.reassign_work_of(employee)
