"""Rows that nobody needs any more are deleted: addresses and hashes are kept no longer than they are of use."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select

from libs.chassis import clock
from libs.chassis.db import session
from services.auth.models import (
    AuthorizationCode,
    LoginFailures,
    OneTimeToken,
    OutgoingMessage,
    PhoneConfirmation,
    RefreshToken,
    Session,
)

KEEP_SESSIONS = timedelta(days=30)
KEEP_LINKS = timedelta(days=7)
KEEP_MESSAGES = timedelta(days=30)  # longer than a queue keeps a message, which must find its message delivered
KEEP_FAILURES = timedelta(days=1)


def forget_what_is_over() -> None:
    """Delete sessions, links, codes, messages and counts whose time is long over."""
    moment = clock.now()
    old = select(Session.id).where(Session.expires_at < moment - KEEP_SESSIONS)
    for over in (
        delete(RefreshToken).where(RefreshToken.session_id.in_(old)),
        delete(AuthorizationCode).where(AuthorizationCode.expires_at < moment - KEEP_LINKS),
        delete(PhoneConfirmation).where(PhoneConfirmation.expires_at < moment),
        delete(Session).where(Session.expires_at < moment - KEEP_SESSIONS),
        delete(OneTimeToken).where(OneTimeToken.expires_at < moment - KEEP_LINKS),
        delete(OutgoingMessage).where(OutgoingMessage.created_at < moment - KEEP_MESSAGES),
        delete(LoginFailures).where(LoginFailures.last_at < moment - KEEP_FAILURES),
    ):
        session().execute(over)
