"""Which order is the first of its customer: the first donation and the first purchase earn a reward."""

from __future__ import annotations

from typing import TypeVar

from libs.chassis.db import session
from services.customer.buying_orders.tables import FirstPurchase
from services.customer.donating_orders.tables import FirstDonation

FirstOrder = TypeVar("FirstOrder", FirstPurchase, FirstDonation)


def claim(table: type[FirstOrder], customer_id: str, order_id: str) -> bool:
    """Make this the customer's first order if there is none yet; whether it is the first one.

    Of two orders at the same time one fails at the primary key, and its event is delivered again.
    """
    first = session().get(table, customer_id)
    if first is None:
        session().add(table(customer_id=customer_id, order_id=order_id))
        return True
    return first.order_id == order_id


def release(table: type[FirstOrder], customer_id: str, order_id: str) -> None:
    """Let the customer's next order be the first, because this one was undone."""
    first = session().get(table, customer_id)
    if first is not None and first.order_id == order_id:
        session().delete(first)
        session().flush()
