"""The event that announces a new or changed internal user."""

from __future__ import annotations

from libs.chassis.event_types import StaffChanged
from services.auth.accounts.tables import User
from services.auth.registry import registry


def publish_staff_changed(user: User) -> None:
    """Publish the name, roles and state of an internal user; the admin domain assigns work accordingly."""
    data = StaffChanged(user_id=user.id, full_name=user.full_name or "", roles=user.role_names, state=user.state)
    registry.publish("auth.staff.changed.v1", subject=user.id, data=data)
