"""Codes of off-line coupons: read out, written down and typed in by people.

Twelve characters of an alphabet of 31 (without 0, O, 1, I and L, which are easily confused) in groups of four; the
last one is a check character. 31 is a prime, so that the weighted sum detects every wrong character and every two
transposed characters.
"""

from __future__ import annotations

import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 12


def new_code() -> str:
    """A random code (31**11 of them, beyond guessing), such as `7KQM-2XWD-93HT`."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))
    return _group(body + _check_character(body))


def read_code(text: str) -> str:
    """The stored form of a code that was typed in any case and with or without dashes; ValueError."""
    plain = text.upper().replace("-", "").replace(" ", "")
    if len(plain) != LENGTH or not set(plain) <= set(ALPHABET) or _check_character(plain[:-1]) != plain[-1]:
        raise ValueError("not the code of a coupon")
    return _group(plain)


def _check_character(body: str) -> str:
    """The character that makes the sum of (position x value) a multiple of 31; its own position counts as -1."""
    total = sum(position * ALPHABET.index(character) for position, character in enumerate(body, start=1))
    return ALPHABET[total % len(ALPHABET)]


def _group(plain: str) -> str:
    return "-".join(plain[start : start + 4] for start in range(0, LENGTH, 4))
