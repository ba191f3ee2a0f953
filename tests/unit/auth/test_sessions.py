"""When a session can be used or refreshed, how long its tokens are valid, and what they allow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from libs.chassis.clock import freeze
from libs.chassis.problems import Unauthenticated
from services.auth.accounts.tables import User
from services.auth.oauth.tables import OAuthClient
from services.auth.sessions import rules
from services.auth.sessions.cache import CachedSession
from services.auth.sessions.tables import Session
from services.auth.tokens import jwts
from services.auth.tokens.token_exchange import _is_fresh, _parse_bearer_token

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def session(state: str = "active", removed: bool = False, **changes: Any) -> Session:
    """Return a valid session of a customer in an application, with changes."""
    values: dict[str, Any] = {
        "user": User(id="usr_1", kind="customer", state=state, roles=[]),
        "client": OAuthClient(id="cli_1", removed_at=NOW if removed else None, scopes=[]),
        "created_at": NOW,
        "last_seen_at": NOW,
        "access_expires_at": NOW + timedelta(hours=4),
        "expires_at": NOW + timedelta(days=90),
        "revoked_at": None,
    }
    return Session(**values | changes)


@pytest.mark.parametrize(
    ("found", "at", "is_refreshable", "is_usable"),
    [
        (session(), NOW, True, True),
        (session(user=None), NOW, True, True),
        (session(client=None), NOW, True, True),
        (session(revoked_at=NOW), NOW, False, False),
        (session(state="suspended"), NOW, False, False),
        (session(state="unverified"), NOW, False, False),
        (session(state="removed"), NOW, False, False),
        (session(removed=True), NOW, False, False),
        (session(expires_at=NOW), NOW, False, False),
        (session(expires_at=NOW + SECOND), NOW, True, True),
        (session(access_expires_at=NOW), NOW, True, False),
        (session(access_expires_at=NOW + SECOND), NOW, True, True),
        (session(), NOW + timedelta(seconds=1799), True, True),
        (session(), NOW + timedelta(seconds=1800), True, False),
        (session(last_seen_at=NOW + timedelta(hours=1)), NOW + timedelta(hours=1, minutes=29), True, True),
    ],
)
def test_a_session_is_refreshable_until_it_ends_and_usable_until_its_access_token_expires(
    found: Session, at: datetime, is_refreshable: bool, is_usable: bool
) -> None:
    assert rules.can_be_refreshed(found, at) is is_refreshable
    assert rules.is_access_token_valid(found, at, idle_seconds=1800) is is_usable


@pytest.mark.parametrize(
    ("seconds", "session_expires_at", "end"),
    [
        (600, NOW + timedelta(days=1), NOW + timedelta(minutes=10)),
        (600, NOW + timedelta(minutes=3), NOW + timedelta(minutes=3)),
        (600, NOW + timedelta(minutes=10), NOW + timedelta(minutes=10)),
    ],
)
def test_no_token_outlives_its_session(seconds: int, session_expires_at: datetime, end: datetime) -> None:
    assert rules.calculate_token_expiry(NOW, seconds, session_expires_at) == end


@pytest.mark.parametrize(
    ("ends_at", "seconds"), [(None, 300), (NOW + timedelta(hours=1), 300), (NOW + timedelta(seconds=30), 30)]
)
def test_no_jwt_outlives_its_session(ends_at: datetime | None, seconds: int) -> None:
    issued = int(NOW.timestamp())
    assert jwts.calculate_jwt_expiry(issued, 300, ends_at) - issued == seconds


@pytest.mark.parametrize(
    ("role", "client", "consent", "allowed"),
    [
        (["a", "b"], None, None, ("a", "b")),
        (["b", "a"], ["b", "c"], None, ("b",)),
        (["a", "b"], ["a", "b"], ["b"], ("b",)),
        (["a"], ["b"], ["a", "b"], ()),
        (["a"], ["a"], [], ()),
        (None, ["c"], ["c"], ("c",)),
        ([], ["a"], ["a"], ()),
        (None, None, None, ()),
    ],
)
def test_a_token_allows_what_role_application_and_consent_all_allow(
    role: list[str] | None, client: list[str] | None, consent: list[str] | None, allowed: tuple[str, ...]
) -> None:
    assert rules.intersect_scopes(role, client, consent) == allowed


@pytest.mark.parametrize(
    ("left", "permissions", "is_fresh"),
    [(300, "7", True), (60, "7", True), (59, "7", False), (-1, "7", False), (300, "8", False), (300, "", False)],
)
def test_a_cached_jwt_is_signed_again_a_minute_before_it_expires_and_when_permissions_change(
    left: int, permissions: str, is_fresh: bool
) -> None:
    with freeze(NOW):
        cached = CachedSession("external", "jwt", int(NOW.timestamp()) + left, "7")
        assert _is_fresh(cached, permissions) is is_fresh


@pytest.mark.parametrize("text", ["{}", "no json", '{"kind": "customer", "more": 1}', "[]", "null"])
def test_the_cache_entry_of_another_version_is_ignored(text: str) -> None:
    assert CachedSession.from_text(text) is None


def test_a_cache_entry_survives_serialization() -> None:
    cached = CachedSession("internal", "jwt", 17, "3")
    assert CachedSession.from_text(cached.to_text()) == cached


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_authorization_scheme_is_case_insensitive(scheme: str) -> None:
    assert _parse_bearer_token({"headers": [(b"authorization", f"{scheme} rco_x".encode())]}) == "rco_x"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [b""],
        [b"Bearer"],
        [b"Bearer "],
        [b"Basic rco_x"],
        [b"Bearer eyJ.e.y"],
        [b"Bearer rcr_x"],
        [b"Bearer rco_x", b"Bearer rco_x"],
    ],
    ids=str,
)
def test_anything_but_one_access_token_is_rejected(headers: list[bytes]) -> None:
    with pytest.raises(Unauthenticated) as caught:
        _parse_bearer_token({"headers": [(b"authorization", value) for value in headers]})
    assert caught.value.headers["WWW-Authenticate"].startswith("Bearer")
