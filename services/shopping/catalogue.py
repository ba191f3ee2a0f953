"""What the public sees: browsing published products with filters, and one product's page (story b-pr-01)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from libs.chassis.pagination import decode_cursor, encode_cursor
from libs.chassis.problems import BadRequest
from services.shopping import product_store
from services.shopping.products import Document, Product, ProductNotFound, ProductState
from services.shopping.search_terms import FACETS, alternatives_of_query, facet_term

# Sort order → (field, direction); the id makes the order total, so that a page begins where the last one
# ended.
SORT_ORDERS = {
    "newest": ("published_at", -1),
    "price_asc": ("price.amount", 1),
    "price_desc": ("price.amount", -1),
}


@dataclass(frozen=True)
class ProductFilter:
    """What a buyer looks for; prices are minor units, `q` is free text of which every word must be found."""

    q: str | None = None
    category: str | None = None
    size: str | None = None
    brand: str | None = None
    colour: str | None = None
    condition: str | None = None
    price_min: int | None = None
    price_max: int | None = None


def browse(wanted: ProductFilter, sort: str, limit: int, cursor: str | None) -> dict[str, Any]:
    """One page of published products: `{"items": [Product], "next_cursor": …}`.

    A page starts after the last product of the one before it, so products sold in between are neither shown
    twice nor make others disappear.
    """
    field, direction = SORT_ORDERS[sort]
    query = _query(wanted)
    if cursor is not None:
        query["$and"] = [*query.get("$and", []), _after(cursor, sort)]
    found = product_store.list_products(query, [(field, direction), ("_id", direction)], limit + 1)
    items = found[:limit]
    return {"items": items, "next_cursor": _cursor_at(items[-1], sort) if len(found) > limit else None}


def get_product(product_id: str) -> Product:
    """The page of a product that is or was on sale. Raises ProductNotFound, also for drafts."""
    product = product_store.find_product(product_id)
    if product is None or not product.is_public:
        raise ProductNotFound(f"There is no product {product_id}.")
    return product


def _query(wanted: ProductFilter) -> Document:
    terms = [facet_term(name, value) for name in FACETS if (value := getattr(wanted, name))]
    words = alternatives_of_query(wanted.q or "")
    conditions: list[Any] = [*terms, *(_one_of(alternatives) for alternatives in words)]
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


def _one_of(terms: Sequence[str]) -> Any:
    return terms[0] if len(terms) == 1 else {"$in": list(terms)}


def _after(cursor: str, sort: str) -> Document:
    made_for, value, product_id = decode_cursor(cursor, 3)
    if made_for != sort or not isinstance(product_id, str):
        raise _wrong_cursor()
    field, direction = SORT_ORDERS[sort]
    if field == "published_at":
        value = _moment(value)
    elif not isinstance(value, int):
        raise _wrong_cursor()
    beyond = "$lt" if direction < 0 else "$gt"
    return {"$or": [{field: {beyond: value}}, {field: value, "_id": {beyond: product_id}}]}


def _cursor_at(product: Product, sort: str) -> str:
    value: int | None = None
    if sort == "newest" and product.published_at:
        value = round(product.published_at.timestamp() * 1000)
    elif product.price:
        value = product.price.amount
    return encode_cursor([sort, value, product.id])


def _moment(milliseconds: Any) -> datetime:
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
    except (TypeError, ValueError, OverflowError):
        raise _wrong_cursor() from None


def _wrong_cursor() -> BadRequest:
    error = {"pointer": "query/cursor", "detail": "use next_cursor of the page before, unchanged"}
    return BadRequest("the cursor belongs to another list", errors=[error])
