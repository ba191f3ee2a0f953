"""The tables of returns of donations."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.types import UtcDateTime
from services.customer.base import Base, HasTimeline, TimelineEntry, owned_rows


class DonationReturn(HasTimeline, Base):
    """The return of a donation to its donor."""

    __tablename__ = "donation_returns"
    __table_args__ = (
        Index("ix_donation_returns_donor_id", "donor_id", "created_at", "id"),
        Index("ix_donation_returns_state", "state", "created_at", "id"),
        Index("ix_donation_returns_created_at", "created_at", "id"),
        Index("ix_donation_returns_order_id", "order_id"),
    )

    order_id: Mapped[str] = mapped_column(ForeignKey("donating_orders.id"))
    donor_id: Mapped[str] = mapped_column(String(36))
    location_id: Mapped[str] = mapped_column(String(36))
    location_name: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    timeline: Mapped[list[DonationReturnTimelineEntry]] = owned_rows("DonationReturnTimelineEntry.id")


class DonationReturnTimelineEntry(TimelineEntry, Base):
    """When the return of a donation came into a state."""

    __tablename__ = "donation_return_timeline"

    return_id: Mapped[str] = mapped_column(ForeignKey("donation_returns.id"), index=True)
