"""The event that announces a new customer."""

from __future__ import annotations

from collections.abc import Iterable

from libs.chassis import clock
from libs.chassis.event_types import UserRegistered, UserRegisteredConsent
from services.auth.accounts.tables import User
from services.auth.registry import registry


def publish_registered(user: User, full_name: str, purposes: Iterable[str]) -> None:
    """Publish a new customer; the customer domain creates the profile."""
    granted_at = str(clock.rfc3339(user.created_at))
    consents = [UserRegisteredConsent(purpose=purpose, granted_at=granted_at) for purpose in purposes]
    data = UserRegistered(user_id=user.id, full_name=full_name, consents=consents)
    registry.publish("auth.user.registered.v1", subject=user.id, data=data)
