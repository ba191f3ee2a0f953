"""Customers: the profile that belongs to an account."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from libs.chassis import clock
from libs.chassis.db import session
from services.customer.models import Customer

CHANGEABLE = ("full_name", "body_sizes", "preferences")


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
    for name in CHANGEABLE:
        if name in changes:
            setattr(found, name, changes[name])
    return found
