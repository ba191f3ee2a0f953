"""Events about returns of buying orders, and the event of an agreement with a buyer."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.event_types import BuyingReturnStateChanged, ReturnContactRecorded
from libs.chassis.events import Event
from libs.chassis.money import Money
from services.admin.registry import registry
from services.admin.returns import returns
from services.admin.returns.tables import BuyingReturn, ReturnContact


@registry.handles("customer.buying_return.state_changed.v1")
def update_buying_return(event: Event[BuyingReturnStateChanged]) -> None:
    returns.update_from_customer(event.data)


def publish_return_contact(contact: ReturnContact, buying_return: BuyingReturn, refund: Money) -> None:
    """Publish an agreement with the whole `refund`, which includes the price of the good products."""
    data = ReturnContactRecorded(
        return_id=contact.return_id,
        order_id=buying_return.order_id,
        contacted_at=clock.rfc3339(contact.contacted_at),
        channel=contact.channel,
        refund=refund.to_dict(),
        decided_by=contact.decided_by,
        at=clock.rfc3339(contact.recorded_at),
    )
    registry.publish("admin.return_contact.recorded.v1", subject=contact.return_id, data=data)
