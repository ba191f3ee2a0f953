"""The events that customer publishes about returns of purchases."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm.attributes import flag_modified

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.event_types import BuyingReturnStateChanged
from services.customer.buying_returns.tables import BuyingReturn
from services.customer.registry import registry


def publish_state_changed(buying_return: BuyingReturn) -> None:
    """Publish the latest transition."""
    _publish(buying_return, buying_return.previous_state, buying_return.state_since)


def publish_new_version(buying_return: BuyingReturn) -> None:
    """Publish a change that is no transition."""
    flag_modified(buying_return, "state")  # increments the version
    session().flush()
    _publish(buying_return, buying_return.state, clock.now())


def _publish(buying_return: BuyingReturn, previous_state: str | None, at: datetime) -> None:
    data = BuyingReturnStateChanged(
        return_id=buying_return.id,
        order_id=buying_return.order_id,
        buyer_id=buying_return.buyer_id,
        state=buying_return.state,
        previous_state=previous_state,
        product_ids=buying_return.product_ids,
        is_whole_order=buying_return.is_whole_order,
        items=[
            {
                "product_id": item.product_id,
                "title": item.title,
                "price": item.price.to_dict(),
                "result": item.check_result,
            }
            for item in buying_return.items
        ],
        price=buying_return.price.to_dict(),
        refund=buying_return.refund.to_dict() if buying_return.refund else None,
        is_force_cancelled=buying_return.is_force_cancelled,
        location_id=buying_return.location_id,
        location_name=buying_return.location_name,
        at=clock.rfc3339(at),
    )
    registry.publish(
        "customer.buying_return.state_changed.v1",
        subject=buying_return.id,
        data=data,
        version=buying_return.version,
    )
