"""Tracking codes: `RC`, eleven random digits and a check digit.

The check digit is Damm's: it finds every single wrong digit and every swap of two neighbours.
"""

from __future__ import annotations

import re
import secrets

from stdnum import damm

from libs.chassis.problems import Unprocessable

PREFIX = "RC"
RANDOM_DIGITS = 11
_FORM = re.compile(rf"{PREFIX}(\d{{{RANDOM_DIGITS + 1}}})", re.ASCII)


class MistypedCode(Unprocessable):
    slug, title = "mistyped-code", "That is not a tracking code"


def new_code() -> str:
    """A code that nobody can guess from another one."""
    digits = "".join(secrets.choice("0123456789") for _ in range(RANDOM_DIGITS))
    return f"{PREFIX}{digits}{damm.calc_check_digit(digits)}"


def read(typed: str) -> str:
    """The code that a scanner read or somebody typed, blanks or not; MistypedCode when it cannot be one."""
    code = re.sub(r"[\s-]", "", typed).upper()
    form = _FORM.fullmatch(code)
    if form is None:
        raise MistypedCode(f"a tracking code is {PREFIX} and {RANDOM_DIGITS + 1} digits; scan the label again")
    if not damm.is_valid(form[1]):
        raise MistypedCode("its check digit does not fit: a digit is wrong; scan the label again")
    return code


def for_people(code: str) -> str:
    """The code in groups of four digits."""
    digits = code.removeprefix(PREFIX)
    return " ".join([PREFIX, *(digits[at : at + 4] for at in range(0, len(digits), 4))])
