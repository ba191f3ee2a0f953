"""Tracking codes: `RC`, eleven random digits and a check digit.

The check digit is Damm's: it detects every single wrong digit and every swap of two adjacent digits.
"""

from __future__ import annotations

import re
import secrets

from stdnum import damm

from libs.chassis.problems import Unprocessable

PREFIX = "RC"
RANDOM_DIGITS = 11
_PATTERN = re.compile(rf"{PREFIX}(\d{{{RANDOM_DIGITS + 1}}})", re.ASCII)


class MistypedCode(Unprocessable):
    slug, title = "mistyped-code", "That is not a tracking code"


def new_code() -> str:
    """A code that cannot be guessed from another one."""
    digits = "".join(secrets.choice("0123456789") for _ in range(RANDOM_DIGITS))
    return f"{PREFIX}{digits}{damm.calc_check_digit(digits)}"


def parse(typed: str) -> str:
    """The code that was scanned or typed, with or without blanks; MistypedCode."""
    code = re.sub(r"[\s-]", "", typed).upper()
    match = _PATTERN.fullmatch(code)
    if match is None:
        raise MistypedCode(f"a tracking code is {PREFIX} and {RANDOM_DIGITS + 1} digits; scan the label again")
    if not damm.is_valid(match[1]):
        raise MistypedCode("its check digit does not fit: a digit is wrong; scan the label again")
    return code


def for_people(code: str) -> str:
    """The code in groups of four digits."""
    digits = code.removeprefix(PREFIX)
    return " ".join([PREFIX, *(digits[start : start + 4] for start in range(0, len(digits), 4))])
