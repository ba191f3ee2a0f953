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
TERMS_VERSION = 3
FACETS = ("brand", "size", "category", "colour", "condition")
# Longer words are compared by their first letters alone, because each prefix is an entry in two indexes.
LONGEST_WORD = 24
MOST_QUERY_WORDS = 8
# Words that tell nothing of a product and would only make a query find less.
STOP_WORDS = frozenset({"a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "with"})

# A stemmer keeps the word it works on inside itself, so two threads must not share it at once.
_STEMMER_IN_USE = Lock()
# Words written with a hyphen or apostrophe are also searched as one: crew-neck, t-shirt, levi's.
_JOINTS = "\u002d\u2010\u2011\u2012\u2013\u2014\u2212'\u2019\u02bc"
_COMPOUND = re.compile(rf"[^\W_]+(?:[{_JOINTS}][^\W_]+)*")
_JOINT = re.compile(rf"[{_JOINTS}]")
# Letters that no decomposition of Unicode takes apart, as readers without them on the keyboard write them.
_PLAIN = str.maketrans(
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
    """Lower case without accents, in any script: 'Café' and 'cafe', 'Łódź' and 'lodz', 'Bjørn' and 'bjorn' meet."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return bare.translate(_PLAIN)


def words_of(text: str) -> list[str]:
    """The words of a text, cut to LONGEST_WORD; those with a hyphen or apostrophe in parts."""
    return [part for compound in _compounds_of(text) for part in compound]


def _compounds_of(text: str) -> list[list[str]]:
    """The parts of each word."""
    found = _COMPOUND.findall(fold(text))
    return [[part[:LONGEST_WORD] for part in _JOINT.split(compound)] for compound in found]


def _all_words_of(text: str) -> set[str]:
    """The words of a text, and those with a hyphen or apostrophe also as one."""
    compounds = _compounds_of(text)
    return {part for compound in compounds for part in compound} | {_joined(compound) for compound in compounds}


def _joined(parts: Iterable[str]) -> str:
    return "".join(parts)[:LONGEST_WORD]


def stem(word: str) -> str:
    with _STEMMER_IN_USE:
        return _stemmer().stemWord(word)


def facet_term(facet: str, value: str) -> str:
    """`size` and 'EU  38' → 'size:eu 38': one spelling for what people write in several."""
    if facet == "size":
        value = sizes.with_decimal_point(value)
    return f"{facet}:{' '.join(fold(value).replace(':', ' ').split())}"


def size_term(wanted: str) -> str:
    """A size that somebody looks for: 'EU 38', 'letter M', or a value of any system, as '38'."""
    system, _, value = " ".join(wanted.replace(":", " ").split()).partition(" ")
    return facet_term("size", " ".join(sizes.normal(system, value)) if value else wanted)


def terms_of(product: Mapping[str, Any]) -> list[str]:
    """All terms of a product: its words, those of its attributes, and its facets."""
    named, told = _names_of(product), " ".join([product["description"], *product["attributes"].values()])
    terms = {f"word:{stem(word)}" for word in _all_words_of(f"{named} {told}")}
    terms |= {f"word:{word[:length]}" for word in _all_words_of(named) for length in range(1, len(word) + 1)}
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
    return {word for word in _all_words_of(_names_of(product)) if not word.isdigit()}


def _names_of(product: Mapping[str, Any]) -> str:
    return " ".join(product[name] for name in ("title", "category", "brand", "colour"))


def _size_terms(product: Mapping[str, Any]) -> set[str]:
    """The label as it is, and the same size in all systems."""
    values = {size["value"] for size in product["sizes"]}
    return {facet_term("size", text) for text in (*values, *map(" ".join, _same_sizes(product)))}


def _same_sizes(product: Mapping[str, Any]) -> set[sizes.Size]:
    return sizes.of_product(product["category"], product["sizes"], product["attributes"])


def alternatives_of_query(query: str) -> list[list[str]]:
    """For each word of a query the terms of which a product must have one (its stem, or it as a prefix).

    A word with a hyphen or apostrophe is found in its parts or as one.
    """
    wanted = [(part, _joined(compound)) for compound in _compounds_of(query) for part in compound]
    telling = [pair for pair in wanted if pair[0] not in STOP_WORDS] or wanted
    alternatives: list[list[str]] = []
    for pair in telling[:MOST_QUERY_WORDS]:
        terms = sorted({f"word:{form}" for word in pair for form in (stem(word), word)})
        if terms not in alternatives:
            alternatives.append(terms)
    return alternatives
