"""Which word a misspelt one is corrected to."""

from __future__ import annotations

import pytest

from services.shopping.search.spelling import find_most_similar, list_variants


@pytest.mark.parametrize("typed", ["coat", "coart", "coa", "cost", "caot"])
def test_words_that_differ_by_one_letter_share_a_variant(typed: str) -> None:
    assert set(list_variants(typed)) & set(list_variants("coat"))


def test_other_words_share_no_variant() -> None:
    assert not set(list_variants("dress")) & set(list_variants("coat"))


@pytest.mark.parametrize(
    ("typed", "candidates", "expected"),
    [
        ("coat", ["boat", "coat"], "coat"),
        ("caot", ["coat", "cart"], "coat"),
        ("nawy", ["navy", "wavy"], "navy"),
        ("coast", ["boats", "coats"], "coats"),
        ("zeppelin", [], "zeppelin"),
    ],
)
def test_the_same_first_letter_and_swapped_letters_are_most_similar(
    typed: str, candidates: list[str], expected: str
) -> None:
    assert find_most_similar(typed, candidates) == expected
