"""Create and change the profiles of customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from libs.chassis import clock
from libs.chassis.db import session
from services.customer.profile.publishers import publish_changed
from services.customer.profile.tables import Customer

CHANGEABLE_FIELDS = ("full_name", "body_sizes", "preferences")
# No other domain needs the name.
PUBLISHED_FIELDS = ("body_sizes", "preferences")


def get_or_create(customer_id: str) -> Customer:
    """The profile; an empty one while the event of the registration is in transit."""
    customer = session().get(Customer, customer_id)
    if customer is None:
        customer = Customer(
            id=customer_id, full_name="", body_sizes={}, preferences={}, consents=[], created_at=clock.now()
        )
        session().add(customer)
        session().flush()
    return customer


def register(customer_id: str, full_name: str, consents: Sequence[Mapping[str, Any]], at: datetime) -> Customer:
    """Store the facts of a registration; what the customer has changed already stays."""
    customer = get_or_create(customer_id)
    customer.full_name = customer.full_name or full_name
    customer.consents = list(consents)
    customer.created_at = at
    return customer


def change(customer_id: str, changes: dict[str, Any]) -> Customer:
    """Change the given fields, and publish those that others need."""
    customer = get_or_create(customer_id)
    # Locked, so that of two concurrent changes the later one publishes both.
    session().refresh(customer, with_for_update=True)
    for name in CHANGEABLE_FIELDS:
        if name in changes:
            setattr(customer, name, changes[name])
    if any(name in changes for name in PUBLISHED_FIELDS):
        publish_changed(customer)
    return customer
