"""Which order is the first of its customer: the first donation and the first purchase earn a reward."""

from __future__ import annotations

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.db import session
from services.customer.base import Base

DONATION, PURCHASE = "donation", "purchase"


class FirstOrder(Base):
    """A customer's first order of a kind; the primary key prevents two first ones at the same time."""

    __tablename__ = "first_orders"
    __table_args__ = (UniqueConstraint("order_id", name="uq_first_orders_order_id"),)

    customer_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(36))


def claim(kind: str, customer_id: str, order_id: str) -> bool:
    """Make this the customer's first order of the kind if there is none yet; whether it is the first one.

    Of two orders at the same time one fails at the primary key, and its event is delivered again.
    """
    first = session().get(FirstOrder, (customer_id, kind))
    if first is None:
        session().add(FirstOrder(customer_id=customer_id, kind=kind, order_id=order_id))
        return True
    return first.order_id == order_id


def release(kind: str, customer_id: str, order_id: str) -> None:
    """Let the customer's next order be the first, because this one was undone."""
    first = session().get(FirstOrder, (customer_id, kind))
    if first is not None and first.order_id == order_id:
        session().delete(first)
        session().flush()
