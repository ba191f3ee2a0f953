"""Customers: the profile that belongs to an account, and the news of its changes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from libs.chassis import clock
from libs.chassis.db import session
from services.customer.models import Customer
from services.customer.registry import registry

CHANGEABLE = ("full_name", "body_sizes", "preferences")
# What others are told of; the name is nobody's business.
TOLD = ("body_sizes", "preferences")
LONGEST_NAME = 60
PROFILE_CHANGED = "customer.profile.changed.v1"


def ensure(customer_id: str) -> Customer:
    """The profile; an empty one when the news of the registration has not come yet."""
    found = session().get(Customer, customer_id)
    if found is None:
        found = Customer(
            id=customer_id, full_name="", body_sizes={}, preferences={}, consents=[], created_at=clock.now()
        )
        session().add(found)
        session().flush()
    return found


def register(customer_id: str, full_name: str, consents: list[dict[str, Any]], at: datetime) -> Customer:
    """The profile of a new account; what the customer has changed already stays."""
    found = ensure(customer_id)
    found.full_name = found.full_name or full_name
    found.consents = consents
    found.created_at = at
    return found


def change(customer_id: str, changes: dict[str, Any]) -> Customer:
    """Change what is named and leave the rest."""
    found = ensure(customer_id)
    # Locked, so that of two changes at once the later one tells of both.
    session().refresh(found, with_for_update=True)
    for name in CHANGEABLE:
        if name in changes:
            setattr(found, name, changes[name])
    if any(name in changes for name in TOLD):
        _tell(found)
    return found


def _tell(customer: Customer) -> None:
    """Under the lock of the row the clock orders the changes of one profile."""
    registry.publish(
        PROFILE_CHANGED,
        subject=customer.id,
        data={
            "customer_id": customer.id,
            "body_sizes": _pairs(customer.body_sizes),
            "preferences": _pairs(customer.preferences),
        },
        version=int(clock.now().timestamp() * 1000),
    )


def _pairs(facts: dict[str, str]) -> list[dict[str, str]]:
    """An event has no names of its own making: a free map becomes a list."""
    return [{"name": name[:LONGEST_NAME], "value": value} for name, value in facts.items()]
