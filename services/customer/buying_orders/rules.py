"""The lifecycle of a buying order (stories b-bu-01 to b-po-04, rb-c-01)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from libs.chassis.state_machine import StateMachine
from services.customer.buying_orders.tables import BuyingOrder

ID_PREFIX = "bor"
LIFECYCLE = StateMachine(
    name="buying order",
    initial="placed",
    transitions={
        "pay": {"placed": "paid"},
        "expire": {"placed": "expired"},
        "cancel": dict.fromkeys(("placed", "paid", "packing", "packed"), "cancelled"),
        "begin_packing": {"paid": "packing"},
        "finish_packing": {"packing": "packed"},
        "ship": {"packed": "shipping"},
        "put_in_box": {"shipping": "in_box"},
        "pick_up": {"in_box": "picked_up"},
        "complete": {"picked_up": "completed"},
        # It was not picked up, or its clothes are lost.
        "force_cancel": dict.fromkeys(("paid", "packing", "packed", "shipping", "in_box"), "cancelled"),
    },
)
# A packed order may be in a van already: the event of its shipping may still be in transit.
POSSIBLY_SHIPPED = frozenset({"packed", "shipping", "in_box"})
REMIND_BEFORE = timedelta(days=2)
# A box may be offline for a while: a pick-up in time should be known before the order is cancelled.
OFFLINE_TOLERANCE = timedelta(days=1)


def missing_products(order: BuyingOrder, reported: Collection[str]) -> list[str]:
    """The products that are not in the warehouse when the order is force-cancelled.

    Those reported as missing; all of them once a deliveryman may have them, because nobody can sell what is in a
    van or in a box.
    """
    if order.state in POSSIBLY_SHIPPED:
        return order.product_ids
    return [product_id for product_id in order.product_ids if product_id in reported]
