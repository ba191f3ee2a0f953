"""Delete addresses and hashes that have served their purpose."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select

from libs.chassis import clock
from libs.chassis.db import session
from services.auth.accounts.tables import OneTimeToken
from services.auth.notifications.tables import OutgoingMessage, PhoneConfirmation
from services.auth.oauth.tables import AuthorizationCode
from services.auth.registry import registry
from services.auth.sessions.tables import LoginFailures, RefreshToken, Session

SESSION_RETENTION = timedelta(days=30)
LINK_RETENTION = timedelta(days=7)
MESSAGE_RETENTION = timedelta(days=30)  # longer than a queue keeps a message, which must find its row
FAILURE_RETENTION = timedelta(days=1)


@registry.every(seconds=600)
def delete_expired_rows() -> None:
    """Delete sessions, links, codes, messages and counters after their retention period."""
    now = clock.now()
    old_sessions = select(Session.id).where(Session.expires_at < now - SESSION_RETENTION)
    for expired in (
        delete(RefreshToken).where(RefreshToken.session_id.in_(old_sessions)),
        delete(AuthorizationCode).where(AuthorizationCode.expires_at < now - LINK_RETENTION),
        delete(PhoneConfirmation).where(PhoneConfirmation.expires_at < now),
        delete(Session).where(Session.expires_at < now - SESSION_RETENTION),
        delete(OneTimeToken).where(OneTimeToken.expires_at < now - LINK_RETENTION),
        delete(OutgoingMessage).where(OutgoingMessage.created_at < now - MESSAGE_RETENTION),
        delete(LoginFailures).where(LoginFailures.last_at < now - FAILURE_RETENTION),
    ):
        session().execute(expired)
