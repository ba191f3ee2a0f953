"""The words and facets by which a product is found, as one array of terms that an ordinary index serves.

DocumentDB has no text index. Each product therefore stores `search_terms`: its words (folded, stemmed, and as
prefixes for search while typing) and its facets (`brand:zara`, `size:eu 38` in every size system), so that every
combination of filters is an equality on one indexed array.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from threading import Lock
from typing import Any, Protocol

import snowballstemmer  # type: ignore[import-untyped]

from services.shopping.search import sizes

# Raise it with every change of what `build_index_fields` returns: a job rebuilds it for stored products.
TERMS_VERSION = 3
FACETS = ("brand", "size", "category", "colour", "condition")
SEARCHED_FIELDS = frozenset(
    {"title", "description", "category", "brand", "colour", "condition", "sizes", "attributes"}
)
# Of longer words only the first letters are compared, because each prefix is an entry in two indexes.
MAX_WORD_LENGTH = 24
MAX_QUERY_WORDS = 8
# Words that describe no product and would only make a query find less.
STOP_WORDS = frozenset({"a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "with"})

# A stemmer stores the word it works on in itself, so threads take turns.
_STEMMER_LOCK = Lock()
# Words written with a hyphen or apostrophe are also searched as one: crew-neck, t-shirt, levi's.
_JOINTS = "\u002d\u2010\u2011\u2012\u2013\u2014\u2212'\u2019\u02bc"
_COMPOUND = re.compile(rf"[^\W_]+(?:[{_JOINTS}][^\W_]+)*")
_JOINT = re.compile(rf"[{_JOINTS}]")
# Letters that Unicode does not decompose, as people without them on the keyboard write them.
_PLAIN_LETTERS = str.maketrans(
    {
        "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "\u0131": "i", "ŀ": "l", "ĸ": "k", "ŋ": "n",
        "æ": "ae", "œ": "oe", "þ": "th", "ß": "ss", "ɨ": "i", "ɫ": "l", "ƒ": "f",
    }
)  # fmt: skip


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 the library's name


@cache
def _stemmer() -> _Stemmer:
    stemmer: _Stemmer = snowballstemmer.stemmer("english")
    return stemmer


def fold(text: str) -> str:
    """Lower case without accents, in any script: 'Café' → 'cafe', 'Łódź' → 'lodz', 'Bjørn' → 'bjorn'."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return bare.translate(_PLAIN_LETTERS)


def split_words(text: str) -> list[str]:
    """The words of a text, cut to MAX_WORD_LENGTH; a compound (with a hyphen or apostrophe) as its parts."""
    return [part for compound in _split_compounds(text) for part in compound]


def _split_compounds(text: str) -> list[list[str]]:
    """The parts of each word."""
    compounds = _COMPOUND.findall(fold(text))
    return [[part[:MAX_WORD_LENGTH] for part in _JOINT.split(compound)] for compound in compounds]


def _list_words_and_compounds(text: str) -> set[str]:
    """The words of a text, and each compound also as one word."""
    compounds = _split_compounds(text)
    return {part for compound in compounds for part in compound} | {_join(compound) for compound in compounds}


def _join(parts: Iterable[str]) -> str:
    return "".join(parts)[:MAX_WORD_LENGTH]


def stem(word: str) -> str:
    with _STEMMER_LOCK:
        return _stemmer().stemWord(word)


def build_facet_term(facet: str, value: str) -> str:
    """`size` and 'EU  38' → 'size:eu 38': the same term for all spellings of a value."""
    if facet == "size":
        value = sizes.replace_decimal_comma(value)
    return f"{facet}:{' '.join(fold(value).replace(':', ' ').split())}"


def build_size_term(size: str) -> str:
    """The term of a size in a query: 'EU 38', 'letter M', or a value of any system, such as '38'."""
    system, _, value = " ".join(size.replace(":", " ").split()).partition(" ")
    return build_facet_term("size", " ".join(sizes.normalize(system, value)) if value else size)


def build_index_fields(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a product's document by which it is found, derived from its SEARCHED_FIELDS."""
    return {
        "search_terms": build_product_terms(facts),
        "facets": build_product_facets(facts),
        "terms_version": TERMS_VERSION,
    }


def build_product_terms(facts: Mapping[str, Any]) -> list[str]:
    """All terms of a product: its words, those of its attributes, and its facets."""
    name, details = _join_names(facts), " ".join([facts["description"], *facts["attributes"].values()])
    terms = {f"word:{stem(word)}" for word in _list_words_and_compounds(f"{name} {details}")}
    terms |= {
        f"word:{word[:length]}" for word in _list_words_and_compounds(name) for length in range(1, len(word) + 1)
    }
    terms |= {build_facet_term(facet, facts[facet]) for facet in FACETS if facet != "size"}
    terms |= _build_size_terms(facts)
    return sorted(terms)


def build_product_facets(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """The facet values of a product: the term of each, and the label to show.

    It counts for its size in every system, because it is found by all of them.
    """
    labels = {build_facet_term(facet, facts[facet]): facts[facet] for facet in FACETS if facet != "size"}
    for system, value in sorted(_list_equivalent_sizes(facts)):
        label = system.upper() if len(system) <= 2 else system
        labels[build_facet_term("size", f"{system} {value}")] = f"{label} {value.upper()}"
    return [{"term": term, "label": label} for term, label in labels.items()]


def list_spelling_words(facts: Mapping[str, Any]) -> set[str]:
    """The words of a product that correct a misspelt query."""
    return {word for word in _list_words_and_compounds(_join_names(facts)) if not word.isdigit()}


def _join_names(facts: Mapping[str, Any]) -> str:
    return " ".join(facts[field] for field in ("title", "category", "brand", "colour"))


def _build_size_terms(facts: Mapping[str, Any]) -> set[str]:
    """The label as it is, and the same size in all systems."""
    values = {size["value"] for size in facts["sizes"]}
    return {build_facet_term("size", text) for text in (*values, *map(" ".join, _list_equivalent_sizes(facts)))}


def _list_equivalent_sizes(facts: Mapping[str, Any]) -> set[sizes.Size]:
    return sizes.list_product_sizes(facts["category"], facts["sizes"], facts["attributes"])


def build_query_terms(query: str) -> list[list[str]]:
    """For each word of a query the alternative terms (its stem, or the word as a prefix); a product must have one.

    A compound is found by its parts or as one word.
    """
    pairs = [(part, _join(compound)) for compound in _split_compounds(query) for part in compound]
    relevant = [pair for pair in pairs if pair[0] not in STOP_WORDS] or pairs
    alternatives: list[list[str]] = []
    for pair in relevant[:MAX_QUERY_WORDS]:
        terms = sorted({f"word:{form}" for word in pair for form in (stem(word), word)})
        if terms not in alternatives:
            alternatives.append(terms)
    return alternatives
