"""Codes of coupons: what a hand can do wrong is noticed."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.billing.coupon_codes import LENGTH, SIGNS, new_code, read_code

CODES = st.builds(new_code)
PLACES = st.integers(0, LENGTH - 1)


@given(CODES)
def test_a_code_is_read_whatever_its_case_dashes_and_blanks(code: str) -> None:
    for written in (code, code.lower(), code.replace("-", ""), code.replace("-", " ")):
        assert read_code(written) == code


@given(CODES, PLACES, st.sampled_from(SIGNS))
def test_every_wrong_sign_is_noticed(code: str, place: int, sign: str) -> None:
    plain = code.replace("-", "")
    assume(plain[place] != sign)
    with pytest.raises(ValueError, match="not the code"):
        read_code(plain[:place] + sign + plain[place + 1 :])


@given(CODES, PLACES, PLACES)
def test_two_signs_that_changed_places_are_noticed(code: str, one: int, other: int) -> None:
    signs = list(code.replace("-", ""))
    assume(signs[one] != signs[other])
    signs[one], signs[other] = signs[other], signs[one]
    with pytest.raises(ValueError, match="not the code"):
        read_code("".join(signs))


@pytest.mark.parametrize("text", ["", "2222", "2222-2222-222O", "2222-2222-2222-2222", "ÀÀÀÀ-2222-2222"])
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the code"):
        read_code(text)
