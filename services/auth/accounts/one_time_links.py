"""Links that are sent by mail and work once. Only the hash of a link's token is stored."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.problems import Gone
from services.auth.accounts.tables import OneTimeToken, User
from services.auth.tokens import opaque


class LinkNotValid(Gone):
    slug, title = "link-not-valid", "This link is used, expired or unknown"


def create(user: User, purpose: str, hours: int, password_hash: str | None = None) -> str:
    """Store a new link and return its token. Using the link activates `password_hash`, if given."""
    token = opaque.new_one_time_token()
    session().add(
        OneTimeToken(
            token_hash=opaque.hash_token(token),
            user_id=user.id,
            purpose=purpose,
            expires_at=clock.now() + timedelta(hours=hours),
            password_hash=password_hash,
        )
    )
    return token


def use(token: str, purpose: str, advice: str) -> tuple[User, OneTimeToken]:
    """Use a link and void the user's other links for this purpose. Return the locked user and the link.

    Raises:
        LinkNotValid: with `advice`, when the link is unknown, used or expired.
    """
    now = clock.now()
    token_hash = opaque.hash_token(token)
    usable = update(OneTimeToken).where(
        OneTimeToken.token_hash == token_hash,
        OneTimeToken.purpose == purpose,
        OneTimeToken.used_at.is_(None),
        OneTimeToken.expires_at > now,
    )
    if session().execute(usable.values(used_at=now)).rowcount != 1:  # type: ignore[attr-defined]
        raise LinkNotValid(advice)
    link = session().get_one(OneTimeToken, token_hash)
    void_all(link.user_id, purpose)
    return session().get_one(User, link.user_id, with_for_update=True), link


def void_all(user_id: str, purpose: str) -> None:
    """Void a user's unused links for this purpose."""
    unused = update(OneTimeToken).where(
        OneTimeToken.user_id == user_id, OneTimeToken.purpose == purpose, OneTimeToken.used_at.is_(None)
    )
    session().execute(unused.values(used_at=clock.now()))
