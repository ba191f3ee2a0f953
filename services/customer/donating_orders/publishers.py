"""The event that customer publishes about donating orders."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.event_types import DonatingOrderStateChanged
from services.customer.donating_orders.rules import has_story
from services.customer.donating_orders.tables import DonatingOrder
from services.customer.registry import registry


def publish_state_changed(order: DonatingOrder) -> None:
    """Publish the latest transition."""
    data = DonatingOrderStateChanged(
        order_id=order.id,
        donor_id=order.donor_id,
        state=order.state,
        previous_state=order.previous_state,
        location_id=order.location_id,
        location_name=order.location_name,
        has_story=has_story(order),
        is_first=order.is_first,
        item_ids=[item.id for item in order.items],
        at=clock.rfc3339(order.state_since),
    )
    registry.publish("customer.donating_order.state_changed.v1", subject=order.id, data=data, version=order.version)
