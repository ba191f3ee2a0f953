"""Events about internal users."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.events import Event
from services.admin.employees import employees
from services.admin.registry import registry
from services.admin.work import assignment


@registry.handles("auth.staff.changed.v1")
def update_employee(event: Event) -> None:
    employee = employees.update_from_auth(
        event.data["user_id"],
        full_name=event.data["full_name"],
        roles=event.data["roles"],
        state=event.data["state"],
        event_at=clock.parse_rfc3339(event.time),
    )
    if employee is not None:
        assignment.reassign_work_of(employee)
