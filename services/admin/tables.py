"""The base of the admin service's tables; its metadata has the tables of all packages."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The base of this service's tables."""


# At the end, because each of these modules imports Base.
