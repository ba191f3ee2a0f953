"""What the tables of the auth service have in common."""

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """Base class of the auth service's tables."""
