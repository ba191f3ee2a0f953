"""Codes of coupons: typing errors are detected."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.billing.coupons.codes import ALPHABET, LENGTH, new_code, read_code

CODES = st.builds(new_code)
POSITIONS = st.integers(0, LENGTH - 1)


@given(CODES)
def test_a_code_is_read_in_any_case_and_with_or_without_dashes(code: str) -> None:
    for typed in (code, code.lower(), code.replace("-", ""), code.replace("-", " ")):
        assert read_code(typed) == code


@given(CODES, POSITIONS, st.sampled_from(ALPHABET))
def test_every_wrong_character_is_detected(code: str, position: int, character: str) -> None:
    plain = code.replace("-", "")
    assume(plain[position] != character)
    with pytest.raises(ValueError, match="not the code"):
        read_code(plain[:position] + character + plain[position + 1 :])


@given(CODES, POSITIONS, POSITIONS)
def test_every_two_transposed_characters_are_detected(code: str, first: int, second: int) -> None:
    characters = list(code.replace("-", ""))
    assume(characters[first] != characters[second])
    characters[first], characters[second] = characters[second], characters[first]
    with pytest.raises(ValueError, match="not the code"):
        read_code("".join(characters))


@pytest.mark.parametrize("text", ["", "2222", "2222-2222-222O", "2222-2222-2222-2222", "ÀÀÀÀ-2222-2222"])
def test_a_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the code"):
        read_code(text)
