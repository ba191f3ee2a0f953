"""Sessions, refresh tokens, pending updates of the session cache, and failed log-ins."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from libs.chassis.types import UtcDateTime
from services.auth.base import Base

if TYPE_CHECKING:
    from services.auth.accounts.tables import User
    from services.auth.oauth.tables import OAuthClient


class Session(Base):
    """A log-in of a user, or the access that an OAuth client was granted. Only SHA-256 hashes of tokens are stored.

    `user_id` is None for a service account, `client_id` is None for our own front ends. `scope` limits what an
    application may do; None is no limit. The access token expires at `access_expires_at`, the session at
    `expires_at`.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_user_id_created_at", "user_id", "created_at", "id"),
        Index("ix_sessions_client_id", "client_id"),
        Index("ix_sessions_expires_at", "expires_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    client_id: Mapped[str | None] = mapped_column(ForeignKey("oauth_clients.id"))
    scope: Mapped[str | None] = mapped_column(Text)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    access_expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user_agent: Mapped[str] = mapped_column(String(200), default="")
    source_ip: Mapped[str] = mapped_column(String(64), default="")
    user: Mapped[User | None] = relationship(lazy="joined")
    client: Mapped[OAuthClient | None] = relationship(lazy="joined")


class RefreshToken(Base):
    """A token that refreshes a session once. It is kept after its use, so that reuse is detected.

    `replacement` holds the tokens that it was exchanged for, encrypted with a key derived from the token itself.
    """

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        Index("ix_refresh_tokens_session_id", "session_id"),
        Index("ix_refresh_tokens_expires_at", "expires_at"),
    )

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    replacement: Mapped[str | None] = mapped_column(String(400))


class SessionCacheUpdate(Base):
    """A pending update of the session cache: a revoked token, or (without a hash) changed permissions."""

    __tablename__ = "session_cache_updates"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    token_hash: Mapped[str | None] = mapped_column(String(64))


class LoginFailures(Base):
    """The number of failed log-ins of an account, whether or not it exists, or of a source address."""

    __tablename__ = "login_failures"
    __table_args__ = (Index("ix_login_failures_last_at", "last_at"),)

    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    wait_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
