"""The base of the customer service's tables, and the one import of all of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from libs.chassis.db import UtcDateTime
from libs.chassis.tables import BigId


class Base(DeclarativeBase):
    """The base of this service's tables."""


class TimelineEntry:
    """When an order or a return came into a state."""

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    state: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class HasTimeline:
    """An order or a return; its timeline has an entry for each state that it came into, oldest first."""

    if TYPE_CHECKING:
        id: Any
        state: Any
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


class FirstOrder:
    """A customer's first order of a kind: the primary key lets two at the same time not both be the first."""

    customer_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(36))


# Imported last, since they need what is above.
from services.customer.buying_orders import tables as _buying_orders  # noqa: E402, F401
from services.customer.buying_returns import tables as _buying_returns  # noqa: E402, F401
from services.customer.donating_orders import tables as _donating_orders  # noqa: E402, F401
from services.customer.donation_returns import tables as _donation_returns  # noqa: E402, F401
from services.customer.profile import tables as _profile  # noqa: E402, F401
