"""Orders that are being placed, so that a crash leaves no products held for an order that does not exist.

A request stores its placement before shopping holds the products, and deletes it in the transaction that stores the
order. A job completes the placements that a crash left; it changes nothing when shopping holds no products for one.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Select, delete, select

from libs.chassis import clock
from libs.chassis.db import insert_missing, session
from services.customer.buying_orders.tables import OrderPlacement
from services.customer.service_clients import Location

# Longer than a request waits for shopping; older placements were interrupted.
INTERRUPTED_AFTER = timedelta(seconds=8)


def start(order_id: str, buyer_id: str, location: Location) -> None:
    """Store that the order is about to hold its products; idempotent."""
    row = {
        "order_id": order_id,
        "buyer_id": buyer_id,
        "pickup_location_id": location.id,
        "pickup_location_name": location.name,
        "pickup_time_zone": location.time_zone,
        "started_at": clock.now(),
    }
    insert_missing(OrderPlacement, [row])


def finish(order_id: str) -> None:
    """Delete the placement: the order was placed, or its products were refused."""
    session().execute(delete(OrderPlacement).where(OrderPlacement.order_id == order_id))


def find(order_id: str) -> OrderPlacement | None:
    """The placement of an order that is being placed, or whose placement was interrupted."""
    return session().get(OrderPlacement, order_id)


def select_interrupted() -> Select[str]:
    """Ids of orders whose requests ended without placing them, oldest first."""
    interrupted = OrderPlacement.started_at < clock.now() - INTERRUPTED_AFTER
    return select(OrderPlacement.order_id).where(interrupted).order_by(OrderPlacement.started_at)
