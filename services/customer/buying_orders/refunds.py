"""The refunds of a buying order, as billing reports them."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis.db import session
from services.customer.buying_orders.queries import buying_orders
from services.customer.buying_orders.tables import OrderRefund


def record(refund: OrderRefund) -> None:
    """Store a refund once, in the place of the one that it replaces. LookupError while the order is not known."""
    if buying_orders.find(refund.order_id, locked=True) is None:
        raise LookupError(f"buying order {refund.order_id} is not known yet")
    if session().get(OrderRefund, refund.id) is not None:
        return
    replaced = session().get(OrderRefund, refund.replaces) if refund.replaces is not None else None
    if replaced is not None:
        session().delete(replaced)
    replacement = select(OrderRefund.id).where(OrderRefund.replaces == refund.id)
    if session().scalar(replacement) is None:
        session().add(refund)
    session().flush()
