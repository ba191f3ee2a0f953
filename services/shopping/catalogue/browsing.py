"""Browsing published products with filters and facets, and the public page of a product (story b-pr-01)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from libs.chassis import skipped_items
from libs.chassis.pagination import decode_cursor, encode_cursor, invalid_cursor
from services.shopping.catalogue.page_cache import page_cache
from services.shopping.document_store import Document
from services.shopping.products import product_store
from services.shopping.products.rules import Product, ProductNotFound, ProductState
from services.shopping.search import spelling
from services.shopping.search.terms import FACETS, build_facet_term, build_query_terms, build_size_term

# Facets are counted on up to this many products; with more, the response says that the counts are incomplete.
MAX_COUNTED = 5_000
MAX_VALUES = 500
MAX_VALUES_PER_FACET = 60

# Sort order → (field, direction); the id makes the order total, so that a page can start after the last product of
# the page before.
SORT_ORDERS = {
    "newest": ("published_at", -1),
    "price_asc": ("price.amount", 1),
    "price_desc": ("price.amount", -1),
}


@dataclass(frozen=True)
class ProductFilter:
    """What a buyer searches for; prices are minor units, a product must match every word of `q`.

    A product must have one of the sizes; a size with its system ("EU 38") also matches its equivalents.
    """

    q: str | None = None
    category: str | None = None
    size: Sequence[str] = ()
    brand: str | None = None
    colour: str | None = None
    condition: str | None = None
    price_min: int | None = None
    price_max: int | None = None


def browse(product_filter: ProductFilter, sort: str, limit: int, cursor: str | None) -> dict[str, Any]:
    """One page of published products: `{"items": [Product], "next_cursor": …, "corrected_query": …}`.

    A page starts after the last product of the page before, so that sales in between neither repeat nor hide
    products. When no product matches `q`, its spelling is corrected, and `corrected_query` is the corrected query.
    """
    list_id = _identify_list(product_filter, sort)
    after, corrected_query = _read_cursor(cursor, list_id, sort) if cursor is not None else (None, None)
    items, has_more = _find(replace(product_filter, q=corrected_query or product_filter.q), sort, limit, after)
    if product_filter.q and not items and cursor is None:
        corrected_query = spelling.correct(product_filter.q)
        if corrected_query is not None:
            items, has_more = _find(replace(product_filter, q=corrected_query), sort, limit, None)
    next_cursor = _build_cursor(items[-1], list_id, sort, corrected_query) if has_more else None
    return {"items": items, "next_cursor": next_cursor, "corrected_query": corrected_query if items else None}


def _find(
    product_filter: ProductFilter, sort: str, limit: int, after: Document | None
) -> tuple[list[Product], bool]:
    """Up to `limit` products, and whether there are more."""
    field, direction = SORT_ORDERS[sort]
    query = build_query(product_filter)
    if after is not None:
        query["$and"] = [*query.get("$and", []), after]
    products = product_store.list_products(query, [(field, direction), ("_id", direction)], limit + 1)
    return products[:limit], len(products) > limit


def _identify_list(product_filter: ProductFilter, sort: str) -> str:
    """Identifies the list that a cursor belongs to: in another list it would point to an arbitrary place."""
    filters = {name: value for name, value in vars(product_filter).items() if value not in (None, ())}
    return f"{sort}:{hashlib.sha256(json.dumps(filters, sort_keys=True).encode()).hexdigest()[:12]}"


def count_facets(product_filter: ProductFilter) -> dict[str, Any]:
    """How many matching products have each category, brand, colour, condition and size.

    `{"facets": {name: [{"value", "count"}]}, "is_complete": bool, "corrected_query": …}`, the most frequent value
    first. The spelling of `q` is corrected as in `browse`.
    """
    query, corrected_query = build_query(product_filter), None
    count = product_store.count_products(query, MAX_COUNTED + 1)
    if product_filter.q and count == 0:
        corrected = spelling.correct(product_filter.q)
        if corrected is not None:
            query = build_query(replace(product_filter, q=corrected))
            count = product_store.count_products(query, MAX_COUNTED + 1)
            corrected_query = corrected if count else None
    facets: dict[str, list[dict[str, Any]]] = {name: [] for name in FACETS}
    counted = product_store.count_facets(query, MAX_COUNTED, MAX_VALUES)
    values = skipped_items.read_valid(counted, _read_facet_value, kind="facet", id_of=lambda value: value["_id"])
    for name, value in values:
        if len(facets[name]) < MAX_VALUES_PER_FACET:
            facets[name].append(value)
    return {"facets": facets, "is_complete": count <= MAX_COUNTED, "corrected_query": corrected_query}


def _read_facet_value(counted: Document) -> tuple[str, dict[str, Any]]:
    """The facet that a counted term belongs to, and the value as it is shown."""
    name, label = counted["_id"].partition(":")[0], counted["label"]
    if name not in FACETS or not isinstance(label, str):
        raise ValueError("not a facet")
    return name, {"value": label, "count": counted["count"]}


def get_product(product_id: str) -> Product:
    """The product, if it is or was on sale. Raises ProductNotFound, also for drafts."""
    product = find_products([product_id]).get(product_id)
    if product is None or not product.is_public:
        raise ProductNotFound(f"There is no product {product_id}.")
    return product


def find_products(product_ids: Iterable[str]) -> dict[str, Product]:
    """The products with these ids in any state; an unknown id is not in the result.

    They are for display only, never for decisions: they may be some seconds old (page_cache.py).
    """
    return page_cache().get_products(product_ids, product_store.find_products)


def build_query(product_filter: ProductFilter) -> Document:
    """The filter as a MongoDB query."""
    words = build_query_terms(product_filter.q or "")
    conditions: list[Any] = [*_build_facet_conditions(product_filter), *map(_match_any, words)]
    if product_filter.q and not words:
        conditions.append({"$in": []})
    query: Document = {"state": str(ProductState.PUBLISHED)}
    if conditions:
        # The first condition, which is the most selective facet, determines the part of the index that is read.
        query["search_terms"] = conditions[0]
        query["$and"] = [{"search_terms": condition} for condition in conditions[1:]]
    price = {}
    if product_filter.price_min is not None:
        price["$gte"] = product_filter.price_min
    if product_filter.price_max is not None:
        # Not $lte: SecantusDB 0.7 misses equal values of a field in the middle of a compound index.
        price["$lt"] = product_filter.price_max + 1
    if price:
        query["price.amount"] = price
    return {name: value for name, value in query.items() if value != []}


def _build_facet_conditions(product_filter: ProductFilter) -> Iterator[Any]:
    for name in FACETS:
        if name == "size" and product_filter.size:
            yield _match_any(sorted({build_size_term(size) for size in product_filter.size}))
        elif name != "size" and (value := getattr(product_filter, name)):
            yield build_facet_term(name, value)


def _match_any(terms: Sequence[str]) -> Any:
    return terms[0] if len(terms) == 1 else {"$in": list(terms)}


def _read_cursor(cursor: str, list_id: str, sort: str) -> tuple[Document, str | None]:
    """The condition on products after the page before, and the corrected query of that page."""
    value, product_id, corrected_query = decode_cursor(cursor, 3, of_list=list_id)
    if not isinstance(product_id, str) or not isinstance(corrected_query, str | None):
        raise invalid_cursor()
    field, direction = SORT_ORDERS[sort]
    if field == "published_at":
        value = _to_time(value)
    elif not isinstance(value, int):
        raise invalid_cursor()
    beyond = "$lt" if direction < 0 else "$gt"
    after = {"$or": [{field: {beyond: value}}, {field: value, "_id": {beyond: product_id}}]}
    return after, corrected_query


def _build_cursor(product: Product, list_id: str, sort: str, corrected_query: str | None) -> str:
    value: int | None = None
    if sort == "newest" and product.published_at:
        value = round(product.published_at.timestamp() * 1000)
    elif product.price:
        value = product.price.amount
    return encode_cursor([value, product.id, corrected_query], of_list=list_id)


def _to_time(milliseconds: Any) -> datetime:
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
    except (TypeError, ValueError, OverflowError):
        raise invalid_cursor() from None
