"""Tracking codes find what people and scanners get wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.packages import tracking_codes
from services.admin.packages.tracking_codes import MistypedCode

CODES = st.builds(tracking_codes.new_code)


@given(CODES)
def test_codes_are_parsed_as_people_and_scanners_enter_them(code: str) -> None:
    for typed in (code, code.lower(), tracking_codes.for_people(code), f" {code}\n", code.replace("RC", "RC-")):
        assert tracking_codes.parse(typed) == code


@given(CODES, st.integers(2, 13), st.integers(1, 9))
def test_every_single_wrong_digit_is_detected(code: str, position: int, by: int) -> None:
    wrong = str((int(code[position]) + by) % 10)
    with pytest.raises(MistypedCode, match="check digit"):
        tracking_codes.parse(code[:position] + wrong + code[position + 1 :])


@given(CODES, st.integers(2, 12))
def test_every_swap_of_adjacent_digits_is_detected(code: str, position: int) -> None:
    left, right = code[position], code[position + 1]
    swapped = code[:position] + right + left + code[position + 2 :]
    if left == right:
        assert tracking_codes.parse(swapped) == code
        return
    with pytest.raises(MistypedCode, match="check digit"):
        tracking_codes.parse(swapped)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "RC",
        "RC1",
        "RX407139625801",
        "4071396258011",
        "RC4071396258012",
        "RC\u0664\u0660\u0667\u0661\u0663\u0669\u0666\u0662\u0665\u0668\u0660\u0661",
    ],
)
def test_other_texts_are_rejected(typed: str) -> None:
    with pytest.raises(MistypedCode, match="digits"):
        tracking_codes.parse(typed)


def test_codes_differ() -> None:
    assert len({tracking_codes.new_code() for _ in range(1000)}) == 1000
