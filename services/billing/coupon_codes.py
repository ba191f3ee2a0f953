"""Codes of off-line coupons: read out, written down and typed in by people.

Twelve of 31 signs (no 0, O, 1, I, L, which are taken for each other) in groups of four; the last is a check sign.
31 is a prime, so that the weighted sum notices every wrong sign and every two signs that changed places.
"""

from __future__ import annotations

import secrets

SIGNS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 12


def new_code() -> str:
    """A random code (31**11 of them, beyond guessing), such as `7KQM-2XWD-93HT`."""
    body = "".join(secrets.choice(SIGNS) for _ in range(LENGTH - 1))
    return _grouped(body + _check_sign(body))


def read_code(text: str) -> str:
    """The code as it is stored, whatever its case and dashes; ValueError when its check sign is wrong."""
    plain = text.upper().replace("-", "").replace(" ", "")
    if len(plain) != LENGTH or not set(plain) <= set(SIGNS) or _check_sign(plain[:-1]) != plain[-1]:
        raise ValueError("not the code of a coupon")
    return _grouped(plain)


def _check_sign(body: str) -> str:
    """The sign that makes the sum of (place x value) a multiple of 31, the check sign's own place being -1."""
    return SIGNS[sum(place * SIGNS.index(sign) for place, sign in enumerate(body, start=1)) % len(SIGNS)]


def _grouped(plain: str) -> str:
    return "-".join(plain[start : start + 4] for start in range(0, LENGTH, 4))
