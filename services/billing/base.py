"""What the tables of the billing service have in common."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The base of this service's tables."""
