"""Orders that are being placed, so that a crash leaves no products held for an order that does not exist.

A request notes its attempt before shopping holds the products. The order removes it in its own transaction; what a
crash left is completed by a job, and nothing is done when shopping holds nothing for it.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Select, delete, select

from libs.chassis import clock
from libs.chassis.db import insert_missing, session, unit_of_work
from libs.chassis.jobs import for_each
from services.customer import buying_orders, neighbours
from services.customer.buying_orders import PickupLocation
from services.customer.models import OrderAttempt

# Longer than a request waits for shopping; what is older was interrupted.
INTERRUPTED_AFTER = timedelta(seconds=8)
BATCH_SIZE = 100
MOST_IN_REQUEST = 2  # a request waits for them


def begin(order_id: str, buyer_id: str, location: PickupLocation) -> None:
    """Note that an order is about to hold its products, in a transaction of its own; idempotent."""
    row = {
        "order_id": order_id,
        "buyer_id": buyer_id,
        "pickup_location_id": location.id,
        "pickup_location_name": location.name,
        "pickup_time_zone": location.time_zone,
        "begun_at": clock.now(),
    }
    with unit_of_work():
        insert_missing(OrderAttempt, [row])


def end(order_id: str) -> None:
    """The order was placed, or its products were refused."""
    session().execute(delete(OrderAttempt).where(OrderAttempt.order_id == order_id))


def is_begun(order_id: str) -> bool:
    """Whether the order is being placed, or its placement was interrupted and is to be completed."""
    return session().get(OrderAttempt, order_id) is not None


def complete_interrupted() -> None:
    """Place the orders whose products are held and whose request was interrupted."""
    for_each("complete_interrupted_orders", _interrupted().limit(BATCH_SIZE), _complete)


def complete_others(buyer_id: str, order_id: str) -> None:
    """Place the buyer's interrupted orders that hold products, so that a refusal that names one speaks of an order.

    Those whose requests may still be running are left to them.
    """
    others = _interrupted().where(OrderAttempt.buyer_id == buyer_id, OrderAttempt.order_id != order_id)
    for_each("complete_interrupted_orders", others.limit(MOST_IN_REQUEST), _complete)


def _interrupted() -> Select[str]:
    """Orders whose requests have ended without them, oldest first."""
    old = select(OrderAttempt.order_id).where(OrderAttempt.begun_at < clock.now() - INTERRUPTED_AFTER)
    return old.order_by(OrderAttempt.begun_at)


def _complete(order_id: str) -> None:
    with unit_of_work(
        reads_only=True
    ) as db:  # ended before shopping is called, so that nothing is locked meanwhile
        attempt = db.get(OrderAttempt, order_id)
    if attempt is None:
        return
    hold = _finished_hold(attempt)
    if hold is not None:
        location = PickupLocation(
            attempt.pickup_location_id, attempt.pickup_location_name, attempt.pickup_time_zone
        )
        buying_orders.place(order_id, attempt.buyer_id, hold.items, location, hold.until)
    end(order_id)


def _finished_hold(attempt: OrderAttempt) -> neighbours.Hold | None:
    """The hold of the attempt, also when a crash left it half made; None when there is none, or it was refused."""
    hold = neighbours.find_hold(attempt.order_id)
    if hold is None:
        return None
    product_ids = [item.product_id for item in hold.items]
    try:
        return neighbours.hold_products(attempt.order_id, attempt.buyer_id, product_ids, None)
    except neighbours.ProductUnavailable:
        return None
