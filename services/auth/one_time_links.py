"""Links that are sent by mail and work once: only the hash of their token is kept."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.problems import Gone
from services.auth import tokens
from services.auth.models import OneTimeToken, User


class LinkNotValid(Gone):
    slug, title = "link-not-valid", "This link is used, expired or unknown"


def issue(user: User, purpose: str, hours: int, password_hash: str | None = None) -> str:
    """The token of a new link for `purpose`; `password_hash` is the password that it makes valid."""
    token = tokens.new_one_time_token()
    session().add(
        OneTimeToken(
            token_hash=tokens.hash_of(token),
            user_id=user.id,
            purpose=purpose,
            expires_at=clock.now() + timedelta(hours=hours),
            password_hash=password_hash,
        )
    )
    return token


def use(token: str, purpose: str, advice: str) -> tuple[User, OneTimeToken]:
    """Use a link, once; the user's other links for this purpose end with it. LinkNotValid with `advice`."""
    moment = clock.now()
    open_links = update(OneTimeToken).where(OneTimeToken.purpose == purpose, OneTimeToken.used_at.is_(None))
    token_hash = tokens.hash_of(token)
    this_one = open_links.where(OneTimeToken.token_hash == token_hash, OneTimeToken.expires_at > moment)
    if session().execute(this_one.values(used_at=moment)).rowcount != 1:  # type: ignore[attr-defined]
        raise LinkNotValid(advice)
    link = session().get_one(OneTimeToken, token_hash)
    void(link.user_id, purpose)
    return session().get_one(User, link.user_id, with_for_update=True), link


def void(user_id: str, purpose: str) -> None:
    """End a user's open links for this purpose."""
    open_links = update(OneTimeToken).where(
        OneTimeToken.user_id == user_id, OneTimeToken.purpose == purpose, OneTimeToken.used_at.is_(None)
    )
    session().execute(open_links.values(used_at=clock.now()))
