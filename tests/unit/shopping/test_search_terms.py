"""By which terms a product is found."""

from __future__ import annotations

from typing import Any

import pytest

from services.shopping.search_terms import (
    alternatives_of_query,
    facet_term,
    facets_of,
    size_term,
    terms_of,
    words_of,
)

COAT: dict[str, Any] = {
    "title": "Navy wool coat",
    "description": "Warm, with deep pockets and buttons.",
    "category": "coats",
    "brand": "Lisboa Lã",
    "colour": "navy",
    "condition": "very_good",
    "sizes": [{"system": "EU", "value": "38"}],
    "attributes": {"material": "Boiled wool", "cut": "women"},
}


def found_by(query: str) -> bool:
    terms = set(terms_of(COAT))
    return all(terms & set(alternatives) for alternatives in alternatives_of_query(query))


@pytest.mark.parametrize(
    "query",
    [
        "coat",
        "COATS",
        "wool coat",
        "the coat of wool",
        "pocket",
        "buttoned",
        "woo",
        "lisboa la",
        "Lã",
        "nav coa",
        "boiled",
    ],
)
def test_a_product_is_found_by_words_stems_and_prefixes(query: str) -> None:
    assert found_by(query)


@pytest.mark.parametrize("query", ["trousers", "wool trousers", "oat", "pocke", "wo"])
def test_a_product_is_not_found_by_other_words(query: str) -> None:
    assert not found_by(query)


@pytest.mark.parametrize(
    ("facet", "value"),
    [
        ("size", "38"),
        ("size", "eu 38"),
        ("size", "EU:38"),
        ("brand", "lisboa la"),
        ("brand", "LISBOA  LÃ"),
        ("category", "Coats"),
        ("colour", "navy"),
        ("condition", "very_good"),
    ],
)
def test_a_facet_is_found_however_it_is_written(facet: str, value: str) -> None:
    assert facet_term(facet, value) in terms_of(COAT)


@pytest.mark.parametrize(("facet", "value"), [("size", "3"), ("brand", "lisboa"), ("colour", "coats")])
def test_a_facet_is_matched_whole_and_by_its_name(facet: str, value: str) -> None:
    assert facet_term(facet, value) not in terms_of(COAT)


def test_only_stop_words_are_searched_as_they_are() -> None:
    assert alternatives_of_query("the") == [["word:the"]]
    assert alternatives_of_query("the the") == [["word:the"]]


def test_a_query_of_signs_has_no_words() -> None:
    assert words_of("!?…") == []
    assert alternatives_of_query("!?…") == []


def test_a_long_query_is_cut() -> None:
    assert len(alternatives_of_query(" ".join(f"word{n}" for n in range(50)))) == 8


@pytest.mark.parametrize("size", ["38", "EU 38", "eu:38", "UK 10", "us 6", "letter S", "letters s"])
def test_a_product_is_found_by_its_size_in_every_system(size: str) -> None:
    assert size_term(size) in terms_of(COAT)


@pytest.mark.parametrize("size", ["10", "UK 38", "letter M", "EU 40"])
def test_a_product_is_not_found_by_another_size(size: str) -> None:
    assert size_term(size) not in terms_of(COAT)


def test_it_counts_in_a_facet_for_all_that_it_is_found_by() -> None:
    facets = {facet["term"]: facet["label"] for facet in facets_of(COAT)}
    assert facets["brand:lisboa la"] == "Lisboa Lã"
    assert [label for term, label in facets.items() if term.startswith("size:")] == [
        "EU 38",
        "letter S",
        "UK 10",
        "US 6",
    ]
    assert facets.keys() <= set(terms_of(COAT))
