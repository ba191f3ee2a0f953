"""The event that customer publishes about returns of donations."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.event_types import DonationReturnStateChanged
from services.customer.donation_returns.tables import DonationReturn
from services.customer.registry import registry


def publish_state_changed(donation_return: DonationReturn) -> None:
    """Publish the latest transition."""
    data = DonationReturnStateChanged(
        return_id=donation_return.id,
        order_id=donation_return.order_id,
        donor_id=donation_return.donor_id,
        state=donation_return.state,
        previous_state=donation_return.previous_state,
        location_id=donation_return.location_id,
        location_name=donation_return.location_name,
        at=clock.rfc3339(donation_return.state_since),
    )
    registry.publish(
        "customer.donation_return.state_changed.v1",
        subject=donation_return.id,
        data=data,
        version=donation_return.version,
    )
