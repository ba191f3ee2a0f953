"""The base of the service's tables; importing this module registers the tables of every noun."""

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """Base class of the auth service's tables."""


import services.auth.accounts.tables  # noqa: E402
import services.auth.notifications.tables  # noqa: E402
import services.auth.oauth.tables  # noqa: E402
import services.auth.passwords.tables  # noqa: E402
import services.auth.roles.tables  # noqa: E402
import services.auth.sessions.tables  # noqa: E402,F401
