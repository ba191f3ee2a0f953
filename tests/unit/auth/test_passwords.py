"""Which passwords are rejected, and how passwords are normalised and hashed."""

from __future__ import annotations

import pytest

from services.auth.passwords import hashing, rules


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("fjZ7$kq2!", "use at least 10 characters"),
        ("aaaaaaabbbbbbb", "use more different characters"),
        ("aaaaaaaaaaaa", "use more different characters"),
        ("AaAaAaAaBBBB", "use more different characters"),
        ("1q2w3e4r5t6y", "breaches"),
        ("QwertyUiop", "breaches"),
        ("Passw0rd123", "breaches"),
        ("spongebob1234", "breaches"),
        ("Ines.Costa@example.org", "it is your email address"),
        ("ines.costa", "it is your email address"),
    ],
)
def test_a_weak_password_is_rejected_with_the_reason(password: str, reason: str) -> None:
    with pytest.raises(rules.WeakPassword) as caught:
        rules.require_strong(password, "ines.costa@example.org", pointer="/new_password")
    assert caught.value.errors is not None
    [error] = caught.value.errors
    assert error["pointer"] == "/new_password"
    assert reason in error["detail"]
    assert password not in str(caught.value)


@pytest.mark.parametrize("password", ["correct-horse-battery", "sunny teapot", "ключ-от-квартиры", "aaaaaaaaab-c"])
def test_a_password_that_is_hard_to_guess_is_accepted(password: str) -> None:
    rules.require_strong(password, "ines@example.org")


def test_different_encodings_of_the_same_letters_are_one_password() -> None:
    password_hash = hashing.hash_password("caf\u00e9-no-rossio")
    assert hashing.verify(password_hash, "cafe\u0301-no-rossio")
    assert not hashing.verify(password_hash, "cafe-no-rossio")
    assert password_hash.startswith("$argon2id$v=19$m=64,t=1,p=1$")


@pytest.mark.parametrize("password_hash", ["", "no hash", "$argon2id$v=19$m=64,t=1,p=1$broken"])
def test_a_malformed_hash_matches_no_password(password_hash: str) -> None:
    assert not hashing.verify(password_hash, "correct-horse-battery")


def test_a_hash_with_other_parameters_needs_a_rehash() -> None:
    password_hash = hashing.hash_password("correct-horse-battery")
    assert not hashing.needs_rehash(password_hash)
    assert hashing.needs_rehash(password_hash.replace("t=1", "t=2"))
