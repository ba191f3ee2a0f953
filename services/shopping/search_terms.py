"""The words and facets by which a product is found, as one array of terms that an ordinary index serves.

DocumentDB has no text index. Each product therefore keeps `search_terms`: its words (folded, stemmed, and as
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

from services.shopping import sizes

# Raise it with every change of what `terms_of` or `facets_of` makes: a job makes them anew for stored products.
TERMS_VERSION = 2
FACETS = ("brand", "size", "category", "colour", "condition")
SHORTEST_PREFIX = 3
LONGEST_PREFIX = 10
MOST_QUERY_WORDS = 8
# Words that tell nothing of a product and would only make a query find less.
STOP_WORDS = frozenset({"a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "with"})

# A stemmer keeps the word it works on inside itself, so two threads must not share it at once.
_STEMMER_IN_USE = Lock()
_WORD = re.compile(r"[a-z0-9]+")


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 the library's name


@cache
def _stemmer() -> _Stemmer:
    stemmer: _Stemmer = snowballstemmer.stemmer("english")
    return stemmer


def fold(text: str) -> str:
    """Lower case without accents, so that 'Café' and 'cafe' meet."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def words_of(text: str) -> list[str]:
    return _WORD.findall(fold(text))


def stem(word: str) -> str:
    with _STEMMER_IN_USE:
        return _stemmer().stemWord(word)


def facet_term(facet: str, value: str) -> str:
    """`size` and 'EU  38' → 'size:eu 38': one spelling for what people write in several."""
    return f"{facet}:{' '.join(fold(value).replace(':', ' ').split())}"


def size_term(wanted: str) -> str:
    """A size that somebody looks for: 'EU 38', 'letter M', or a value of any system, as '38'."""
    system, _, value = " ".join(wanted.replace(":", " ").split()).rpartition(" ")
    return facet_term("size", " ".join(sizes.normal(system, value)) if system else value)


def terms_of(product: Mapping[str, Any]) -> list[str]:
    """All terms of a product: its words, those of its attributes, and its facets."""
    named, told = _names_of(product), " ".join([product["description"], *product["attributes"].values()])
    terms = {f"word:{stem(word)}" for word in words_of(f"{named} {told}")}
    terms |= {f"word:{prefix}" for word in words_of(named) for prefix in _prefixes(word)}
    terms |= {facet_term(name, product[name]) for name in FACETS if name != "size"}
    terms |= _size_terms(product)
    return sorted(terms)


def facets_of(product: Mapping[str, Any]) -> list[dict[str, str]]:
    """What the product counts for in each facet: the term it is found by, and the text to show.

    It counts for its size in every system, because it is found by all of them.
    """
    found = {facet_term(name, product[name]): product[name] for name in FACETS if name != "size"}
    for system, value in sorted(_same_sizes(product)):
        shown = system.upper() if len(system) <= 2 else system
        found[facet_term("size", f"{system} {value}")] = f"{shown} {value.upper()}"
    return [{"term": term, "label": label} for term, label in found.items()]


def vocabulary_of(product: Mapping[str, Any]) -> set[str]:
    """The words by which buyers look for such a product, to correct their typing errors by."""
    return {word for word in words_of(_names_of(product)) if not word.isdigit()}


def _names_of(product: Mapping[str, Any]) -> str:
    return " ".join(product[name] for name in ("title", "category", "brand", "colour"))


def _prefixes(word: str) -> Iterable[str]:
    yield word
    for length in range(SHORTEST_PREFIX, min(len(word), LONGEST_PREFIX)):
        yield word[:length]


def _size_terms(product: Mapping[str, Any]) -> set[str]:
    """The label as it is, and the same size in all systems."""
    values = {size["value"] for size in product["sizes"]}
    return {facet_term("size", text) for text in (*values, *map(" ".join, _same_sizes(product)))}


def _same_sizes(product: Mapping[str, Any]) -> set[sizes.Size]:
    return sizes.of_product(product["category"], product["sizes"], product["attributes"])


def alternatives_of_query(query: str) -> list[list[str]]:
    """For each word of a query the terms of which a product must have one (its stem, or it as a prefix)."""
    words = words_of(query)
    telling = [word for word in words if word not in STOP_WORDS] or words
    alternatives: list[list[str]] = []
    for word in telling[:MOST_QUERY_WORDS]:
        terms = sorted({f"word:{stem(word)}", f"word:{word}"})
        if terms not in alternatives:
            alternatives.append(terms)
    return alternatives
