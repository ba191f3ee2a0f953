"""What the public sees: browsing published products with filters and facets, and a product's page (b-pr-01)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from libs.chassis import skipped_items
from libs.chassis.pagination import decode_cursor, encode_cursor, invalid_cursor
from services.shopping import page_memory, product_store, vocabulary
from services.shopping.products import Document, Product, ProductNotFound, ProductState
from services.shopping.search_terms import FACETS, alternatives_of_query, facet_term, size_term

# Facets of more products than this are counted on this many of them, and said to be so.
MOST_COUNTED = 5_000
MOST_VALUES = 500
MOST_VALUES_OF_FACET = 60

# Sort order → (field, direction); the id makes the order total, so that a page begins where the last one
# ended.
SORT_ORDERS = {
    "newest": ("published_at", -1),
    "price_asc": ("price.amount", 1),
    "price_desc": ("price.amount", -1),
}


@dataclass(frozen=True)
class ProductFilter:
    """What a buyer looks for; prices are minor units, `q` is free text of which every word must be found.

    Of several sizes one must fit; a size with its system ("EU 38") is found in every other system too.
    """

    q: str | None = None
    category: str | None = None
    size: Sequence[str] = ()
    brand: str | None = None
    colour: str | None = None
    condition: str | None = None
    price_min: int | None = None
    price_max: int | None = None


def browse(wanted: ProductFilter, sort: str, limit: int, cursor: str | None) -> dict[str, Any]:
    """One page of published products: `{"items": [Product], "next_cursor": …, "searched_for": …}`.

    A page starts after the last product of the one before it, so products sold in between are neither shown
    twice nor make others disappear. When nothing has the words of `q`, words like them are looked for, and
    `searched_for` says which.
    """
    of_list = _list_of(wanted, sort)
    after, searched_for = _read_cursor(cursor, of_list, sort) if cursor is not None else (None, None)
    items, has_more = _find(replace(wanted, q=searched_for or wanted.q), sort, limit, after)
    if wanted.q and not items and cursor is None:
        searched_for = vocabulary.corrected(wanted.q)
        if searched_for is not None:
            items, has_more = _find(replace(wanted, q=searched_for), sort, limit, None)
    next_cursor = _cursor_at(items[-1], of_list, sort, searched_for) if has_more else None
    return {"items": items, "next_cursor": next_cursor, "searched_for": searched_for if items else None}


def _find(wanted: ProductFilter, sort: str, limit: int, after: Document | None) -> tuple[list[Product], bool]:
    """So many products, and whether there are more."""
    field, direction = SORT_ORDERS[sort]
    query = _query(wanted)
    if after is not None:
        query["$and"] = [*query.get("$and", []), after]
    found = product_store.list_products(query, [(field, direction), ("_id", direction)], limit + 1)
    return found[:limit], len(found) > limit


def _list_of(wanted: ProductFilter, sort: str) -> str:
    """Which list this is: a cursor of another one would begin somewhere in the middle."""
    told = {name: value for name, value in vars(wanted).items() if value not in (None, ())}
    return f"{sort}:{hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]}"


def count_facets(wanted: ProductFilter) -> dict[str, Any]:
    """How many of the products that are found have each category, brand, colour, condition and size.

    `{"facets": {name: [{"value", "count"}]}, "is_complete": bool, "searched_for": …}`, the most frequent first. A
    typing error in `q` is mended as in browsing.
    """
    query, searched_for = _query(wanted), None
    number = product_store.count_products(query, MOST_COUNTED + 1)
    if wanted.q and number == 0:
        mended = vocabulary.corrected(wanted.q)
        if mended is not None:
            query = _query(replace(wanted, q=mended))
            number = product_store.count_products(query, MOST_COUNTED + 1)
            searched_for = mended if number else None
    facets: dict[str, list[dict[str, Any]]] = {name: [] for name in FACETS}
    counted = product_store.count_facets(query, MOST_COUNTED, MOST_VALUES)
    values = skipped_items.read_valid(counted, _facet_value, kind="facet", id_of=lambda found: found["_id"])
    for name, value in values:
        if len(facets[name]) < MOST_VALUES_OF_FACET:
            facets[name].append(value)
    return {"facets": facets, "is_complete": number <= MOST_COUNTED, "searched_for": searched_for}


def _facet_value(found: Document) -> tuple[str, dict[str, Any]]:
    """The facet of a counted term, and what is shown of it."""
    name, label = found["_id"].partition(":")[0], found["label"]
    if name not in FACETS or not isinstance(label, str):
        raise ValueError("not a facet")
    return name, {"value": label, "count": found["count"]}


def get_product(product_id: str) -> Product:
    """The page of a product that is or was on sale. Raises ProductNotFound, also for drafts."""
    product = find_products([product_id]).get(product_id)
    if product is None or not product.is_public:
        raise ProductNotFound(f"There is no product {product_id}.")
    return product


def find_products(product_ids: Iterable[str]) -> dict[str, Product]:
    """The products with these ids, whatever their state; an unknown id is not in the answer.

    To show them, not to decide by them: what is remembered may be some seconds old (page_memory.py).
    """
    return page_memory.remembered_products(product_ids, product_store.find_products)


def _query(wanted: ProductFilter) -> Document:
    words = alternatives_of_query(wanted.q or "")
    conditions: list[Any] = [*_facet_conditions(wanted), *(_one_of(alternatives) for alternatives in words)]
    if wanted.q and not words:
        conditions.append({"$in": []})
    query: Document = {"state": str(ProductState.PUBLISHED)}
    if conditions:
        # The first one, which is the most telling facet, picks the part of the index that is read.
        query["search_terms"] = conditions[0]
        query["$and"] = [{"search_terms": condition} for condition in conditions[1:]]
    price = {}
    if wanted.price_min is not None:
        price["$gte"] = wanted.price_min
    if wanted.price_max is not None:
        # Not $lte, which in SecantusDB 0.7 misses the equal ones in an index that goes on after the price.
        price["$lt"] = wanted.price_max + 1
    if price:
        query["price.amount"] = price
    return {name: value for name, value in query.items() if value != []}


def _facet_conditions(wanted: ProductFilter) -> Iterator[Any]:
    for name in FACETS:
        if name == "size" and wanted.size:
            yield _one_of(sorted({size_term(size) for size in wanted.size}))
        elif name != "size" and (value := getattr(wanted, name)):
            yield facet_term(name, value)


def _one_of(terms: Sequence[str]) -> Any:
    return terms[0] if len(terms) == 1 else {"$in": list(terms)}


def _read_cursor(cursor: str, of_list: str, sort: str) -> tuple[Document, str | None]:
    """What comes after the last product of the page before, and the words that were looked for instead of `q`."""
    value, product_id, searched_for = decode_cursor(cursor, 3, of_list=of_list)
    if not isinstance(product_id, str) or not isinstance(searched_for, str | None):
        raise invalid_cursor()
    field, direction = SORT_ORDERS[sort]
    if field == "published_at":
        value = _moment(value)
    elif not isinstance(value, int):
        raise invalid_cursor()
    beyond = "$lt" if direction < 0 else "$gt"
    after = {"$or": [{field: {beyond: value}}, {field: value, "_id": {beyond: product_id}}]}
    return after, searched_for


def _cursor_at(product: Product, of_list: str, sort: str, searched_for: str | None) -> str:
    value: int | None = None
    if sort == "newest" and product.published_at:
        value = round(product.published_at.timestamp() * 1000)
    elif product.price:
        value = product.price.amount
    return encode_cursor([value, product.id, searched_for], of_list=of_list)


def _moment(milliseconds: Any) -> datetime:
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
    except (TypeError, ValueError, OverflowError):
        raise invalid_cursor() from None
