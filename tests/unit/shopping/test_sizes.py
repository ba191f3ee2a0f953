"""Equivalent sizes, and how lists of sizes and a customer's sizes are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shopping.search.sizes import find_equivalent_sizes, list_person_sizes, split_list


@pytest.mark.parametrize(
    ("size", "equivalent"),
    [
        (("EU", "38"), {("eu", "38"), ("uk", "10"), ("us", "6"), ("letter", "s")}),
        (("US", "6"), {("eu", "38"), ("uk", "10"), ("us", "6"), ("letter", "s")}),
        (("DE", " 38 "), {("eu", "38"), ("uk", "10"), ("us", "6"), ("letter", "s")}),
        (
            ("letter", "M"),
            {("letter", "m"), ("eu", "40"), ("eu", "42"), ("uk", "12"), ("uk", "14"), ("us", "8"), ("us", "10")},
        ),
    ],
)
def test_a_womans_size_in_other_systems(size: tuple[str, str], equivalent: set[tuple[str, str]]) -> None:
    assert find_equivalent_sizes(*size, "clothes", "women") == equivalent


def test_the_same_number_is_another_size_for_men() -> None:
    assert ("letter", "m") in find_equivalent_sizes("EU", "48", "clothes", "men")
    assert ("letter", "xl") in find_equivalent_sizes("EU", "48", "clothes", "women")
    assert {("letter", "m"), ("letter", "xl")} <= find_equivalent_sizes("EU", "48", "clothes")


def test_shoes_have_their_own_charts() -> None:
    assert find_equivalent_sizes("EU", "38", "shoes", "women") == {("eu", "38"), ("uk", "5"), ("us", "7.5")}


def test_a_size_that_no_chart_has_has_no_equivalents() -> None:
    assert find_equivalent_sizes("W", "31", "clothes") == {("w", "31")}
    assert find_equivalent_sizes("letter", "ONE", "clothes", "women") == {("letter", "one")}


def test_a_persons_shoe_sizes_are_separate() -> None:
    own = list_person_sizes({"EU": "38", "Shoes EU": "39", "letters": "M", "shoes": "40"})
    assert own["clothes"] == {("eu", "38"), ("letter", "m")}
    assert own["shoes"] == {("eu", "39"), ("eu", "40")}


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("EU 38", ["EU 38"]),
        ("EU 38,EU 40", ["EU 38", "EU 40"]),
        ("EU 38, letter M", ["EU 38", "letter M"]),
        ("UK 6,5", ["UK 6.5"]),
        ("UK 6,5,UK 7,5,EU 38", ["UK 6.5", "UK 7.5", "EU 38"]),
        ("4,6,8", ["4", "6", "8"]),
        ("4,5,6", ["4", "5", "6"]),
        ("EU 38, 4,5", ["EU 38", "4", "5"]),
        ('"6,5",7', ["6,5", "7"]),
        ("38,54", ["38", "54"]),
        ('"letter S, petite",EU 38', ["letter S, petite", "EU 38"]),
        ('"36,7"', ["36,7"]),
        ('5" waist', ['5" waist']),
        (" , ", []),
        ("", []),
    ],
)
def test_a_list_of_sizes_may_have_quotes_and_half_sizes(text: str, sizes: list[str]) -> None:
    assert split_list(text) == sizes


@given(st.text(max_size=80))
def test_sizes_are_never_blank(text: str) -> None:
    assert all(size == size.strip() != "" for size in split_list(text))
