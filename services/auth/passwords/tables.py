"""Requests to reset a password."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from services.auth.base import Base


class PasswordResetRequest(Base):
    """A reset was requested for this address, whether or not an account has it; a job mails the link."""

    __tablename__ = "password_reset_requests"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
