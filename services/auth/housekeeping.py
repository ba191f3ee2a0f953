"""Rows that nobody needs any more are deleted: addresses and hashes are kept no longer than they are of use."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from libs.chassis import clock
from libs.chassis.db import session
from services.auth.models import LoginFailures, OneTimeToken, OutgoingMail, Session

KEEP_SESSIONS = timedelta(days=30)
KEEP_LINKS = timedelta(days=7)
KEEP_MAILS = timedelta(days=30)  # longer than a queue keeps a message, which must find its mail delivered
KEEP_FAILURES = timedelta(days=1)


def forget_what_is_over() -> None:
    """Delete sessions, links, mails and counts whose time is long over."""
    moment = clock.now()
    for over in (
        delete(Session).where(Session.expires_at < moment - KEEP_SESSIONS),
        delete(OneTimeToken).where(OneTimeToken.expires_at < moment - KEEP_LINKS),
        delete(OutgoingMail).where(OutgoingMail.created_at < moment - KEEP_MAILS),
        delete(LoginFailures).where(LoginFailures.last_at < moment - KEEP_FAILURES),
    ):
        session().execute(over)
