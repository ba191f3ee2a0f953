"""Events about returns of buying orders."""

from __future__ import annotations

from libs.chassis.events import Event
from libs.chassis.money import Money
from services.admin.registry import registry
from services.admin.returns import returns


@registry.handles("customer.return_buying_order.state_changed.v1")
def update_buying_return(event: Event) -> None:
    returns.update_from_customer(
        event.data["return_id"],
        order_id=event.data["order_id"],
        buyer_id=event.data["buyer_id"],
        price=Money.from_dict(event.data["price"]),
        items=event.data["items"],
        is_force_cancelled=event.data["is_given_up"],
    )
