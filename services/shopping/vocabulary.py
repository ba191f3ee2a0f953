"""The words of the products (collection `search_words`), by which a query with a typing error is mended.

A word is kept with all that is left of it when one letter is dropped. Two words that share one of these differ
by one letter that is missing, too much, wrong or swapped with its neighbour: an equality on one indexed array.
"""

from __future__ import annotations

from collections.abc import Iterable

from pymongo import ASCENDING, UpdateOne
from pymongo.collection import Collection

from libs.chassis.documents import mongo_database
from services.shopping.products import Document
from services.shopping.search_terms import MOST_QUERY_WORDS, words_of

SHORTEST_WORD = 4  # shorter ones are all alike
LONGEST_WORD = 24
MOST_NEAR = 50


def ensure_vocabulary_indexes() -> None:
    _words().create_index([("near", ASCENDING)])


def learn(words: Iterable[str]) -> None:
    """Adds the words that are not known yet; they stay when their products are gone."""
    fitting = {word for word in words if SHORTEST_WORD <= len(word) <= LONGEST_WORD}
    known = {document["_id"] for document in _words().find({"_id": {"$in": sorted(fitting)}}, {"_id": 1})}
    writes = [
        UpdateOne({"_id": word}, {"$setOnInsert": {"near": near_forms(word)}}, upsert=True)
        for word in sorted(fitting - known)
    ]
    if writes:
        _words().bulk_write(writes, ordered=False)


def corrected(query: str) -> str | None:
    """The query with the likeliest word in the place of each that no product has; None when there is none."""
    words = words_of(query)[:MOST_QUERY_WORDS]
    found = [_corrected_word(word) for word in words]
    return " ".join(found) if found != words else None


def _corrected_word(word: str) -> str:
    if not SHORTEST_WORD <= len(word) <= LONGEST_WORD:
        return word
    query = {"near": {"$in": near_forms(word)}}
    near = [document["_id"] for document in _words().find(query, {"_id": 1}).limit(MOST_NEAR)]
    return likeliest(word, near)


def likeliest(word: str, candidates: Iterable[str]) -> str:
    """Of these words the one that was most likely meant; the word itself when there are none."""
    return min(candidates, key=lambda other: _unlikeness(word, other), default=word)


def _unlikeness(word: str, other: str) -> tuple[bool, bool, int, str]:
    """People seldom mistype the first letter, and more often swap letters than write others."""
    return other != word, other[0] != word[0], abs(len(other) - len(word)) + (sorted(other) != sorted(word)), other


def near_forms(word: str) -> list[str]:
    """The word, and what is left of it without one letter each: words that share one differ by one letter."""
    return sorted({word, *(word[:position] + word[position + 1 :] for position in range(len(word)))})


def _words() -> Collection[Document]:
    collection: Collection[Document] = mongo_database().get_collection("search_words")
    return collection
