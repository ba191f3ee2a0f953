"""The tables of donating orders."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.types import UtcDateTime
from services.customer.base import Base, HasTimeline, TimelineEntry, owned_rows


class DonatingOrder(HasTimeline, Base):
    """Clothes that a donor gives, from the draft until they are sold, recycled or returned."""

    __tablename__ = "donating_orders"
    __table_args__ = (
        Index("ix_donating_orders_donor_id", "donor_id", "created_at", "id"),
        Index("ix_donating_orders_donor_id_state", "donor_id", "state", "created_at", "id"),
        Index("ix_donating_orders_state", "state", "created_at", "id"),
        Index("ix_donating_orders_created_at", "created_at", "id"),
    )

    donor_id: Mapped[str] = mapped_column(String(36))
    location_id: Mapped[str | None] = mapped_column(String(36))
    location_name: Mapped[str | None] = mapped_column(String(120))
    box_id: Mapped[str | None] = mapped_column(String(36))
    box_label: Mapped[str | None] = mapped_column(String(20))
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Until when locker holds the box for the deposit."""
    is_first: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether it is the first donation that its donor deposited."""
    check_result: Mapped[str | None] = mapped_column(String(4))
    """`good` or `bad`; known also while the order is returning."""
    state_before_return: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    items: Mapped[list[DonatingItem]] = owned_rows("DonatingItem.id")
    timeline: Mapped[list[DonatingOrderTimelineEntry]] = owned_rows("DonatingOrderTimelineEntry.id")


class DonatingItem(Base):
    """One item of clothing of a donation, as its donor describes it."""

    __tablename__ = "donating_items"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("donating_orders.id"), index=True)
    category: Mapped[str] = mapped_column(String(40))
    size: Mapped[str] = mapped_column(String(20))
    brand: Mapped[str | None] = mapped_column(String(80))
    colour: Mapped[str | None] = mapped_column(String(40))
    condition: Mapped[str] = mapped_column(String(20))
    story: Mapped[str | None] = mapped_column(String(2000))
    product_id: Mapped[str | None] = mapped_column(String(36), index=True)
    """The product that was made from it; None until that is published."""
    is_sold: Mapped[bool] = mapped_column(Boolean, default=False)
    photos: Mapped[list[DonatingPhoto]] = owned_rows("DonatingPhoto.id")


class DonatingPhoto(Base):
    """A photo of an item: announced with its `size` in bytes, then uploaded, with width and height in pixels."""

    __tablename__ = "donating_photos"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    item_id: Mapped[str] = mapped_column(ForeignKey("donating_items.id"), index=True)
    key: Mapped[str] = mapped_column(String(200))
    content_type: Mapped[str] = mapped_column(String(20))
    size: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)

    @property
    def is_uploaded(self) -> bool:
        return self.width is not None


class DonatingOrderTimelineEntry(TimelineEntry, Base):
    """When a donating order came into a state."""

    __tablename__ = "donating_order_timeline"

    order_id: Mapped[str] = mapped_column(ForeignKey("donating_orders.id"), index=True)
