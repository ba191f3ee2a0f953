"""Which word is meant by one with a typing error."""

from __future__ import annotations

import pytest

from services.shopping.search.spelling import likeliest, near_forms


@pytest.mark.parametrize("typed", ["coat", "coart", "coa", "cost", "caot"])
def test_words_that_differ_by_one_letter_share_a_form(typed: str) -> None:
    assert set(near_forms(typed)) & set(near_forms("coat"))


def test_other_words_share_none() -> None:
    assert not set(near_forms("dress")) & set(near_forms("coat"))


@pytest.mark.parametrize(
    ("typed", "candidates", "meant"),
    [
        ("coat", ["boat", "coat"], "coat"),
        ("caot", ["coat", "cart"], "coat"),
        ("nawy", ["navy", "wavy"], "navy"),
        ("coast", ["boats", "coats"], "coats"),
        ("zeppelin", [], "zeppelin"),
    ],
)
def test_the_same_first_letter_and_swapped_letters_are_likeliest(
    typed: str, candidates: list[str], meant: str
) -> None:
    assert likeliest(typed, candidates) == meant
