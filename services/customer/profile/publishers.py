"""The event that customer publishes about profiles."""

from __future__ import annotations

from libs.chassis import clock
from services.customer.profile.tables import Customer
from services.customer.registry import registry

MAX_NAME_LENGTH = 60


def publish_changed(customer: Customer) -> None:
    """Publish the body sizes and preferences. The row is locked, so that the time orders a profile's events."""
    registry.publish(
        "customer.profile.changed.v1",
        subject=customer.id,
        data={
            "customer_id": customer.id,
            "body_sizes": _to_pairs(customer.body_sizes),
            "preferences": _to_pairs(customer.preferences),
        },
        version=int(clock.now().timestamp() * 1000),
    )


def _to_pairs(values: dict[str, str]) -> list[dict[str, str]]:
    """The map as a list: the schema of an event defines all its property names."""
    return [{"name": name[:MAX_NAME_LENGTH], "value": value} for name, value in values.items()]
