"""Users, and the one-time tokens of the links that are mailed to them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from libs.chassis.locales import DEFAULT_LOCALE
from libs.chassis.types import UtcDateTime
from services.auth.base import Base

if TYPE_CHECKING:
    from services.auth.roles.tables import UserRole


class User(Base):
    """A person who can log in: a customer or an internal user. Every domain uses this id for the person.

    A customer is unverified, active or suspended; an internal user is invited, active or removed. Amounts and dates
    are formatted for `locale`, a BCP 47 tag.
    """

    __tablename__ = "users"
    __table_args__ = (Index("ix_users_kind_created_at", "kind", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(12))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    full_name: Mapped[str | None] = mapped_column(String(120))
    suspension_reason: Mapped[str | None] = mapped_column(String(500))
    phone_number: Mapped[str | None] = mapped_column(String(16))
    locale: Mapped[str] = mapped_column(String(35), default=DEFAULT_LOCALE)
    version: Mapped[int] = mapped_column(default=1)
    roles: Mapped[list[UserRole]] = relationship(lazy="selectin", cascade="all, delete-orphan")

    @property
    def role_names(self) -> list[str]:
        return sorted(assigned.role for assigned in self.roles)


class OneTimeToken(Base):
    """The token of a mailed link: its hash, its purpose, when it expires and when it was used.

    `password_hash` is the password that using the link makes valid, unless the account keeps its first one.
    """

    __tablename__ = "one_time_tokens"
    __table_args__ = (Index("ix_one_time_tokens_expires_at", "expires_at"),)

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    purpose: Mapped[str] = mapped_column(String(20))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    password_hash: Mapped[str | None] = mapped_column(String(200))
