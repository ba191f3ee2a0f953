"""Donating orders and their returns as billing knows them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.types import UtcDateTime
from services.billing.base import Base


class DonationState(Base):
    """The latest known state of a donating order, or of the return of one (then `donation_id` is another order).

    `rewards_ended_at`: since when the donation earns nothing more, because it was cancelled or returned.
    """

    __tablename__ = "donation_states"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    donation_id: Mapped[str] = mapped_column(String(36))
    person_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(20))
    order_version: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rewards_ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
