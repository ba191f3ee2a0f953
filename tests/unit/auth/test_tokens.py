"""Tokens and the successors of refresh tokens."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from services.auth import successors, tokens

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("prefix", [tokens.ACCESS_PREFIX, tokens.REFRESH_PREFIX, tokens.SECRET_PREFIX])
def test_a_token_has_256_random_bits_and_a_prefix_that_scanners_know(prefix: str) -> None:
    made = {tokens.new_token(prefix) for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(rf"{prefix}[A-Za-z0-9_-]{{43}}", token) for token in made)


def test_the_token_of_a_link_fits_into_an_address() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", tokens.new_one_time_token())


def test_a_hash_is_the_same_for_the_same_token_and_does_not_hold_it() -> None:
    assert tokens.hash_of("rco_a") == tokens.hash_of("rco_a") != tokens.hash_of("rco_b")
    assert re.fullmatch(r"[0-9a-f]{64}", tokens.hash_of("rco_a"))


def test_a_successor_is_readable_with_the_old_token_only() -> None:
    old, access, refresh = (tokens.new_token(prefix) for prefix in ("rcr_", "rco_", "rcr_"))
    sealed = successors.seal(old, access, refresh)
    assert len(sealed) <= 400, "the width of its column"
    assert access not in sealed
    assert refresh not in sealed
    assert successors.unseal(old, sealed) == (access, refresh)
    assert successors.unseal(tokens.new_token("rcr_"), sealed) is None
    assert successors.unseal(tokens.hash_of(old), sealed) is None
    assert successors.unseal(old, sealed[:-4] + "AAAA") is None
    assert successors.unseal(old, "no JWE") is None


@pytest.mark.parametrize(
    ("used_at", "is_within"),
    [
        (None, False),
        (NOW, True),
        (NOW - successors.GRACE, True),
        (NOW - successors.GRACE - timedelta(microseconds=1), False),
        (NOW + timedelta(seconds=1), False),
    ],
)
def test_the_grace_of_a_used_token_lasts_ten_seconds(used_at: datetime | None, is_within: bool) -> None:
    assert timedelta(seconds=10) == successors.GRACE
    assert successors.is_within_grace(used_at, NOW) is is_within
