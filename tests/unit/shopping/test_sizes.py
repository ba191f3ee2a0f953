"""Which sizes mean the same body, and what a customer's own sizes are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shopping.search.sizes import listed, of_person, same_sizes


@pytest.mark.parametrize(
    ("size", "same"),
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
def test_a_womans_size_in_other_systems(size: tuple[str, str], same: set[tuple[str, str]]) -> None:
    assert same_sizes(*size, "clothes", "women") == same


def test_a_mans_number_is_another_body_than_a_womans() -> None:
    assert ("letter", "m") in same_sizes("EU", "48", "clothes", "men")
    assert ("letter", "xl") in same_sizes("EU", "48", "clothes", "women")
    assert {("letter", "m"), ("letter", "xl")} <= same_sizes("EU", "48", "clothes")


def test_shoes_have_a_chart_of_their_own() -> None:
    assert same_sizes("EU", "38", "shoes", "women") == {("eu", "38"), ("uk", "5"), ("us", "7.5")}


def test_what_is_in_no_chart_means_itself_only() -> None:
    assert same_sizes("W", "31", "clothes") == {("w", "31")}
    assert same_sizes("letter", "ONE", "clothes", "women") == {("letter", "one")}


def test_a_persons_shoes_are_apart_from_the_clothes() -> None:
    own = of_person({"EU": "38", "Shoes EU": "39", "letters": "M", "shoes": "40"})
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
def test_a_list_of_sizes_is_read_with_quotes_and_half_sizes(text: str, sizes: list[str]) -> None:
    assert listed(text) == sizes


@given(st.text(max_size=80))
def test_any_text_is_a_list_of_sizes_without_blanks(text: str) -> None:
    assert all(size == size.strip() != "" for size in listed(text))
