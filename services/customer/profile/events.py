"""The event of auth that creates a profile."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.event_types import UserRegistered
from libs.chassis.events import Event
from services.customer.profile import storage
from services.customer.registry import registry


@registry.handles("auth.user.registered.v1")
def create_profile(event: Event[UserRegistered]) -> None:
    data = event.data
    storage.register(data["user_id"], data["full_name"], data["consents"], clock.parse_rfc3339(event.time))
