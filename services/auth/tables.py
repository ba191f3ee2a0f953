"""The tables of the auth service: importing this module defines all of them in `Base.metadata`."""

from __future__ import annotations

import services.auth.accounts.tables
import services.auth.notifications.tables
import services.auth.oauth.tables
import services.auth.passwords.tables
import services.auth.roles.tables
import services.auth.sessions.tables  # noqa: F401
from services.auth.base import Base

__all__ = ["Base"]
