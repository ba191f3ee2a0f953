"""Opaque tokens, and the encrypted replacement of a refresh token."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from services.auth.sessions import replacement_tokens, rules
from services.auth.tokens import opaque

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("prefix", [opaque.ACCESS_PREFIX, opaque.REFRESH_PREFIX, opaque.SECRET_PREFIX])
def test_a_token_has_256_random_bits_and_a_prefix_that_secret_scanners_recognise(prefix: str) -> None:
    tokens = {opaque.new_token(prefix) for _ in range(50)}
    assert len(tokens) == 50
    assert all(re.fullmatch(rf"{prefix}[A-Za-z0-9_-]{{43}}", token) for token in tokens)


def test_a_one_time_token_needs_no_encoding_in_a_url() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", opaque.new_one_time_token())


def test_a_token_hash_is_deterministic_and_does_not_contain_the_token() -> None:
    assert opaque.hash_token("rco_a") == opaque.hash_token("rco_a") != opaque.hash_token("rco_b")
    assert re.fullmatch(r"[0-9a-f]{64}", opaque.hash_token("rco_a"))


def test_only_the_replaced_token_decrypts_its_replacement() -> None:
    old, access, refresh = (opaque.new_token(prefix) for prefix in ("rcr_", "rco_", "rcr_"))
    encrypted = replacement_tokens.encrypt(old, access, refresh)
    assert len(encrypted) <= 400, "the width of its column"
    assert access not in encrypted
    assert refresh not in encrypted
    assert replacement_tokens.decrypt(old, encrypted) == (access, refresh)
    assert replacement_tokens.decrypt(opaque.new_token("rcr_"), encrypted) is None
    assert replacement_tokens.decrypt(opaque.hash_token(old), encrypted) is None
    assert replacement_tokens.decrypt(old, encrypted[:-4] + "AAAA") is None
    assert replacement_tokens.decrypt(old, "no JWE") is None


@pytest.mark.parametrize(
    ("used_at", "is_within"),
    [
        (None, False),
        (NOW, True),
        (NOW - rules.REFRESH_GRACE_PERIOD, True),
        (NOW - rules.REFRESH_GRACE_PERIOD - timedelta(microseconds=1), False),
        (NOW + timedelta(seconds=1), False),
    ],
)
def test_the_grace_period_of_a_used_refresh_token_is_ten_seconds(used_at: datetime | None, is_within: bool) -> None:
    assert timedelta(seconds=10) == rules.REFRESH_GRACE_PERIOD
    assert rules.is_within_grace_period(used_at, NOW) is is_within
