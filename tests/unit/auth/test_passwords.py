"""Which passwords are refused, and that one password has one form."""

from __future__ import annotations

import pytest

from services.auth import passwords
from services.auth.settings import AuthSettings


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
def test_a_weak_password_is_refused_with_the_reason(password: str, reason: str) -> None:
    with pytest.raises(passwords.WeakPassword) as caught:
        passwords.refuse_weak(password, "ines.costa@example.org", pointer="/new_password")
    assert caught.value.errors is not None
    [error] = caught.value.errors
    assert error["pointer"] == "/new_password"
    assert reason in error["detail"]
    assert password not in str(caught.value)


@pytest.mark.parametrize("password", ["correct-horse-battery", "sunny teapot", "ключ-от-квартиры", "aaaaaaaaab-c"])
def test_a_password_that_is_hard_to_guess_is_accepted(password: str) -> None:
    passwords.refuse_weak(password, "ines@example.org")


def test_the_same_letters_of_different_keyboards_are_one_password() -> None:
    kept = passwords.hash_password("caf\u00e9-no-rossio")
    assert passwords.verify(kept, "cafe\u0301-no-rossio")
    assert not passwords.verify(kept, "cafe-no-rossio")
    assert kept.startswith("$argon2id$v=19$m=64,t=1,p=1$")


@pytest.mark.parametrize("kept", ["", "no hash", "$argon2id$v=19$m=64,t=1,p=1$broken"])
def test_a_broken_hash_matches_nothing(kept: str) -> None:
    assert not passwords.verify(kept, "correct-horse-battery")


def test_a_hash_is_due_when_the_parameters_changed(chosen: AuthSettings) -> None:
    kept = passwords.hash_password("correct-horse-battery")
    assert not passwords.needs_rehash(kept)
    assert passwords.needs_rehash(kept.replace("t=1", "t=2"))
