"""What the tables of the customer service have in common."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from libs.chassis.money import Money
from libs.chassis.tables import BigId
from libs.chassis.types import UtcDateTime


class Base(DeclarativeBase):
    """The base of this service's tables."""


class HasTimeline:
    """An order or a return; its timeline has an entry for each state that it came into, oldest first."""

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    state: Mapped[str] = mapped_column(String(20))
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}
    if TYPE_CHECKING:
        timeline: Any

    @property
    def previous_state(self) -> str | None:
        """The state before the present one; None while it is in its first state."""
        return self.timeline[-2].state if len(self.timeline) > 1 else None

    @property
    def state_since(self) -> datetime:
        """When it came into its present state."""
        since: datetime = self.timeline[-1].at
        return since


class TimelineEntry:
    """When an order or a return came into a state."""

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    state: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ProductItem:
    """A product of an order or a return, with its title and price at the time of the order."""

    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    product_id: Mapped[str] = mapped_column(String(36))
    title: Mapped[str] = mapped_column(String(200))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))

    @property
    def price(self) -> Money:
        return Money(self.amount, self.currency)


def owned_rows(order_by: str) -> Any:
    """A relationship to the rows that belong to a row; queries name it when they need it."""
    return relationship(lazy="raise", order_by=order_by, cascade="all, delete-orphan")
