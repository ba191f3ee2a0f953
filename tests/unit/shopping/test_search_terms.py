"""The terms by which a product is found."""

from __future__ import annotations

from typing import Any

import pytest

from services.shopping.search.terms import (
    build_facet_term,
    build_product_facets,
    build_product_terms,
    build_query_terms,
    build_size_term,
    split_words,
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


def is_found(query: str, **facts: Any) -> bool:
    terms = set(build_product_terms({**COAT, **facts}))
    return all(terms & set(alternatives) for alternatives in build_query_terms(query))


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
    assert is_found(query)


@pytest.mark.parametrize("query", ["trousers", "wool trousers", "oat", "pocke", "coatx"])
def test_a_product_is_not_found_by_other_words(query: str) -> None:
    assert not is_found(query)


@pytest.mark.parametrize("word", ["windbreakerjacket", "Куртка", "Donaudampfschifffahrtsjacke", "coat"])
def test_every_prefix_of_a_word_in_the_title_finds_it(word: str) -> None:
    for length in range(1, len(word) + 1):
        assert is_found(word[:length], title=f"Navy {word}"), length
    assert not is_found(f"{word}x"[:20] + "x", title=f"Navy {word}")


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("Пальто шерстяное", "пальто"),
        ("Пальто шерстяное", "ШЕРСТЯНОЕ пал"),
        ("Παλτό", "παλτο"),
        ("معطف صوف", "معطف"),
        ("羊毛 外套", "外套"),
        ("울 코트", "코트"),
        ("Bjørn Borg", "bjorn borg"),
        ("Bjorn Borg", "Bjørn"),
        ("Łódź coat", "lodz"),
        ("Ærø knit", "aero"),
        ("Großer Mantel", "grosser"),
        ("Kad\u0131n ceketi", "kadin"),
        ("İpek gömlek", "ipek"),
        ("Þór", "thor"),
        ("Crew-neck jumper", "crewneck"),
        ("Crew\u2011neck jumper", "crew neck"),
        ("Crew-neck jumper", "crew-n"),
        ("Crewneck jumper", "crew-neck"),
        ("Levi's jeans", "levis"),
        ("Levi\u2019s jeans", "levi's"),
        ("T-shirt", "tshirts"),
    ],
)
def test_words_match_in_every_script_and_spelling(title: str, query: str) -> None:
    assert is_found(query, title=title)


@pytest.mark.parametrize(("title", "query"), [("Crew-neck", "crewcut"), ("Пальто", "куртка"), ("Łódź", "lotz")])
def test_other_words_do_not_match(title: str, query: str) -> None:
    assert not is_found(query, title=title)


@pytest.mark.parametrize(
    ("label", "query"),
    [
        ("6,5", "UK 6,5"),
        ("6,5", "UK 6.5"),
        ("6.5", "uk 6,5"),
        ("6,5", "6.5"),
        ("S, petite", "UK S, petite"),
        ("S,petite", "S , petite"),
    ],
)
def test_a_decimal_comma_equals_a_point_and_other_commas_stay(label: str, query: str) -> None:
    terms = build_product_terms({**COAT, "category": "shoes", "sizes": [{"system": "UK", "value": label}]})
    assert build_size_term(query) in terms
    for other in ("UK 6", "5", "6", "S", "petite"):
        assert build_size_term(other) not in terms


def test_a_half_size_is_found_in_other_systems_in_any_spelling() -> None:
    boots = {**COAT, "category": "shoes", "sizes": [{"system": "UK", "value": "6,5"}]}
    assert {build_size_term("EU 40"), build_size_term("US 9")} <= set(build_product_terms(boots))


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
def test_a_facet_is_found_in_any_spelling(facet: str, value: str) -> None:
    assert build_facet_term(facet, value) in build_product_terms(COAT)


@pytest.mark.parametrize(("facet", "value"), [("size", "3"), ("brand", "lisboa"), ("colour", "coats")])
def test_a_facet_matches_only_its_whole_value(facet: str, value: str) -> None:
    assert build_facet_term(facet, value) not in build_product_terms(COAT)


def test_a_query_of_stop_words_only_is_searched() -> None:
    assert build_query_terms("the") == [["word:the"]]
    assert build_query_terms("the the") == [["word:the"]]


def test_punctuation_has_no_words() -> None:
    assert split_words("!?…") == []
    assert build_query_terms("!?…") == []


def test_a_long_query_is_truncated() -> None:
    assert len(build_query_terms(" ".join(f"word{n}" for n in range(50)))) == 8


@pytest.mark.parametrize("size", ["38", "EU 38", "eu:38", "UK 10", "us 6", "letter S", "letters s"])
def test_a_product_is_found_by_its_size_in_every_system(size: str) -> None:
    assert build_size_term(size) in build_product_terms(COAT)


@pytest.mark.parametrize("size", ["10", "UK 38", "letter M", "EU 40"])
def test_a_product_is_not_found_by_another_size(size: str) -> None:
    assert build_size_term(size) not in build_product_terms(COAT)


def test_a_product_counts_for_every_facet_value_that_finds_it() -> None:
    facets = {facet["term"]: facet["label"] for facet in build_product_facets(COAT)}
    assert facets["brand:lisboa la"] == "Lisboa Lã"
    assert [label for term, label in facets.items() if term.startswith("size:")] == [
        "EU 38",
        "letter S",
        "UK 10",
        "US 6",
    ]
    assert facets.keys() <= set(build_product_terms(COAT))
