"""The words of the products (collection `search_words`), by which a misspelt query is corrected.

A word is stored with its variants that lack one letter. Two words that share a variant differ by one letter that
is missing, added, replaced or swapped with its neighbour, so similar words are found by an equality on one indexed
array.
"""

from __future__ import annotations

from collections.abc import Iterable

from pymongo import ASCENDING, UpdateOne

from services.shopping.document_store import DocumentCollection
from services.shopping.search.terms import MAX_QUERY_WORDS, split_words

search_words = DocumentCollection("search_words")

MIN_LENGTH = 4  # of shorter words too many are similar
MAX_LENGTH = 24
MAX_SIMILAR = 50


def ensure_spelling_indexes() -> None:
    search_words().create_index([("variants", ASCENDING)])


def add_words(words: Iterable[str]) -> None:
    """Store the words that are new; they stay when their products are gone."""
    candidates = sorted({word for word in words if _is_correctable(word)})
    existing = {document["_id"] for document in search_words().find({"_id": {"$in": candidates}}, {"_id": 1})}
    writes = [
        UpdateOne(
            {"_id": word},
            {"$setOnInsert": search_words.add_version({"variants": list_variants(word)})},
            upsert=True,
        )
        for word in candidates
        if word not in existing
    ]
    if writes:
        search_words().bulk_write(writes, ordered=False)


def correct(query: str) -> str | None:
    """The query with each unknown word replaced by the most similar known one; None when nothing is replaced."""
    words = split_words(query)[:MAX_QUERY_WORDS]
    corrected = [_correct_word(word) for word in words]
    return " ".join(corrected) if corrected != words else None


def _correct_word(word: str) -> str:
    if not _is_correctable(word):
        return word
    query = {"variants": {"$in": list_variants(word)}}
    similar = search_words().find(query, {"_id": 1}).limit(MAX_SIMILAR)
    return find_most_similar(word, [document["_id"] for document in similar])


def _is_correctable(word: str) -> bool:
    return MIN_LENGTH <= len(word) <= MAX_LENGTH


def find_most_similar(word: str, candidates: Iterable[str]) -> str:
    """The candidate that was most probably meant; the word itself when there are none."""
    return min(candidates, key=lambda other: _measure_distance(word, other), default=word)


def _measure_distance(word: str, other: str) -> tuple[bool, bool, int, str]:
    """People seldom mistype the first letter, and swap letters more often than they replace them."""
    return other != word, other[0] != word[0], abs(len(other) - len(word)) + (sorted(other) != sorted(word)), other


def list_variants(word: str) -> list[str]:
    """The word, and the word without each one of its letters."""
    return sorted({word, *(word[:position] + word[position + 1 :] for position in range(len(word)))})
