"""Products in DocumentDB: the `products` collection, its queries and its conditional updates.

A product is one document, and each change is one conditional update of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from libs.chassis import skipped_items
from libs.chassis.money import Money
from services.shopping.document_store import Document, DocumentCollection, get_current_time
from services.shopping.products import revision
from services.shopping.products.rules import (
    LIFECYCLE,
    PHOTOS_VERSION,
    ItemHasProduct,
    Photo,
    PhotoSize,
    Product,
    ProductHold,
    ProductNotFound,
    ProductState,
    Transition,
)
from services.shopping.search import spelling
from services.shopping.search.terms import SEARCHED_FIELDS, build_index_fields, list_spelling_words

products_collection = DocumentCollection("products")

NEWEST_FIRST = [("published_at", DESCENDING), ("_id", DESCENDING)]
BY_PRICE = [("price.amount", ASCENDING), ("_id", ASCENDING)]
# Every filter is an equality on `search_terms`, so these serve each combination of filter and sort order;
# descending price is BY_PRICE read backwards. The staff list is read by state and id.
INDEXES: Sequence[list[tuple[str, int]]] = (
    [("state", ASCENDING), *NEWEST_FIRST],
    [("state", ASCENDING), *BY_PRICE],
    [("state", ASCENDING), ("search_terms", ASCENDING), *NEWEST_FIRST],
    [("state", ASCENDING), ("search_terms", ASCENDING), *BY_PRICE],
    [("state", ASCENDING), ("_id", DESCENDING)],
    [("state", ASCENDING), ("publish_at", ASCENDING)],
    [("terms_version", ASCENDING)],
    [("photos_version", ASCENDING)],
)
# The index fields are most of a document and no reader needs them.
WITHOUT_INDEX_FIELDS = {"search_terms": 0, "facets": 0}


def ensure_product_indexes() -> None:
    for keys in INDEXES:
        products_collection().create_index(keys)
    for times in ("outbox.at", "files_to_delete.at", "unconfirmed_files.at"):
        products_collection().create_index([(times, ASCENDING)], sparse=True)
    products_collection().create_index([("donation.order_id", ASCENDING)], sparse=True)
    # A donated item is one piece of clothing and so becomes one product.
    products_collection().create_index([("donation.item_id", ASCENDING)], sparse=True, unique=True)


def insert_draft(product_id: str, facts: Mapping[str, Any], outbox_entry: Document) -> Product:
    """Store a new draft; when the id is taken (a repeated request) the stored product is returned.

    Raises ItemHasProduct when the donated item already has another product.
    """
    now = get_current_time()
    spelling.add_words(list_spelling_words(facts))
    document: Document = products_collection.add_version(
        {
            "_id": product_id,
            "version": 1,
            "state": str(ProductState.DRAFT),
            **facts,
            **build_index_fields(facts),
            "photos": [],
            "photos_version": PHOTOS_VERSION,
            "created_at": now,
            "updated_at": now,
            "outbox": [outbox_entry],
        }
    )
    try:
        products_collection().insert_one(document)
    except DuplicateKeyError:
        existing = products_collection().find_one({"_id": product_id})
        if existing is None:
            raise ItemHasProduct("Each donated item becomes one product. Edit the existing product.") from None
        document = existing
    return product_from_document(document)


def product_from_document(document: Document) -> Product:
    document = products_collection.upgrade(document)
    price, hold = document.get("price"), document.get("hold")
    stored = {field.name: document[field.name] for field in fields(Product) if field.name in document}
    read = {
        "id": document["_id"],
        "state": ProductState(document["state"]),
        "price": Money.from_dict(price) if price else None,
        "photos": [photo_from_document(photo) for photo in document["photos"]],
        "hold": ProductHold(**hold) if hold else None,
    }
    return Product(**{**stored, **read})


def photo_from_document(document: Document) -> Photo:
    stored = {name: document[name] for name in ("id", "key", "content_type", "width", "height")}
    return Photo(**stored, sizes=tuple(PhotoSize(**size) for size in document["sizes"]))


def read_products(documents: Iterable[Document]) -> list[Product]:
    """The products of these documents, without those that cannot be read."""
    return skipped_items.read_valid(
        documents, product_from_document, kind="product", id_of=lambda document: document.get("_id")
    )


def find_product(product_id: str) -> Product | None:
    return find_products([product_id]).get(product_id)


def get_product(product_id: str) -> Product:
    """Raises ProductNotFound."""
    product = find_product(product_id)
    if product is None:
        raise ProductNotFound(f"There is no product {product_id}.")
    return product


def find_products(product_ids: Iterable[str]) -> dict[str, Product]:
    """The products with these ids, in one query; an unknown id is not in the result."""
    documents = products_collection().find({"_id": {"$in": list(product_ids)}}, WITHOUT_INDEX_FIELDS)
    return {product.id: product for product in read_products(documents)}


def list_products(query: Document, order_by: Sequence[tuple[str, int]], limit: int) -> list[Product]:
    """Up to `limit` products in this order; later ones replace those that cannot be read."""
    page_size = limit
    while True:
        documents = list(
            products_collection().find(query, WITHOUT_INDEX_FIELDS).sort(list(order_by)).limit(page_size)
        )
        products = read_products(documents)
        if len(products) >= limit or len(documents) < page_size:
            return products[:limit]
        page_size *= 2


def list_sold_to(order_id: str, product_ids: Iterable[str]) -> list[Product]:
    """Those of the products that are still sold to this order."""
    query = {"_id": {"$in": list(product_ids)}, "state": str(ProductState.SOLD), "hold.order_id": order_id}
    return read_products(products_collection().find(query, WITHOUT_INDEX_FIELDS).sort("_id", ASCENDING))


def list_held_past(time: datetime, limit: int, excluded_ids: Sequence[str] = ()) -> list[Product]:
    """Products that are still held although their hold ended before `time`: left over from a crash."""
    query = {"state": str(ProductState.HELD), "hold.until": {"$lt": time}, "_id": {"$nin": list(excluded_ids)}}
    return read_products(products_collection().find(query).limit(limit))


def list_due_for_publication(time: datetime, limit: int, excluded_ids: Sequence[str] = ()) -> list[Product]:
    query = {"state": str(ProductState.PRICED), "publish_at": {"$lte": time}, "_id": {"$nin": list(excluded_ids)}}
    return read_products(products_collection().find(query).sort("publish_at", ASCENDING).limit(limit))


def list_price_currencies() -> list[str]:
    """The currencies of all prices, in alphabetical order; for the rare change of the currency only."""
    return sorted(products_collection().distinct("price.currency", {"price": {"$ne": None}}))


def count_products(query: Document, limit: int) -> int:
    return products_collection().count_documents(query, limit=limit)


def count_facets(query: Document, max_products: int, max_values: int) -> list[Document]:
    """How many matching products each facet value has, most first: `{"_id": term, "label", "count"}`."""
    return list(
        products_collection().aggregate(
            [
                {"$match": query},
                {"$limit": max_products},
                {"$project": {"_id": 0, "facets": 1}},
                {"$unwind": "$facets"},
                {"$group": {"_id": "$facets.term", "label": {"$first": "$facets.label"}, "count": {"$sum": 1}}},
                {"$sort": {"count": -1, "_id": 1}},
                {"$limit": max_values},
            ]
        )
    )


def change_product(
    product: Product,
    *,
    set_fields: Mapping[str, Any],
    unset_fields: Iterable[str] = (),
    outbox_entries: Sequence[Document] = (),
    any_version: bool = False,
    only_if: Mapping[str, Any] | None = None,
) -> Product | None:
    """Change the product if it is still as it was read; None when another change came first.

    It is as it was read when its version is the same (with `any_version`: its state) and the stored document meets
    `only_if`. The outbox entries go into the same update, so that a crash loses none.
    """
    changed = {**set_fields, "updated_at": get_current_time()}
    if SEARCHED_FIELDS & set_fields.keys():
        facts = {**{name: getattr(product, name) for name in SEARCHED_FIELDS}, **set_fields}
        spelling.add_words(list_spelling_words(facts))
        changed |= build_index_fields(facts)
    update: Document = {"$set": changed, "$inc": {"version": 1}}
    if unset_fields:
        update["$unset"] = dict.fromkeys(unset_fields, "")
    if outbox_entries:
        update["$push"] = {"outbox": {"$each": list(outbox_entries)}}
    as_read = {"state": str(product.state)} if any_version else {"version": product.version}
    return update_product({"_id": product.id, **as_read, **(only_if or {})}, update)


def claim_product(product_id: str, price: Money, hold: Document) -> Product | None:
    """Hold the product for one order by one atomic update; None when another order has it.

    A claim repeated for the same order succeeds again. The price is part of the condition, so that no buyer gets
    the product at another price than the one that was read (story b-bu-03).
    """
    is_available = {
        "state": {"$in": LIFECYCLE.sources(Transition.HOLD)},
        "price.amount": price.amount,
        "price.currency": price.currency,
    }
    is_claimed = {"state": str(ProductState.HELD), "hold.order_id": hold["order_id"]}
    return update_product(
        {"_id": product_id, "$or": [is_available, is_claimed]},
        {"$set": {"state": str(ProductState.HELD), "hold": hold}, "$inc": {"version": 1}},
    )


def release_products(order_id: str, product_ids: Iterable[str]) -> None:
    """Publish again the products that are held for this order."""
    update = {"$set": {"state": str(ProductState.PUBLISHED)}, "$unset": {"hold": ""}, "$inc": {"version": 1}}
    _update_held(order_id, product_ids, update)


def sell_products(order_id: str, product_ids: Iterable[str]) -> None:
    """Mark the products that are held for this order as sold; the hold stays as the record of the buyer."""
    _update_held(order_id, product_ids, {"$set": {"state": str(ProductState.SOLD)}, "$inc": {"version": 1}})


def _update_held(order_id: str, product_ids: Iterable[str], update: Document) -> None:
    query = {"_id": {"$in": list(product_ids)}, "state": str(ProductState.HELD), "hold.order_id": order_id}
    update_products(query, update)


def update_product(query: Document, update: Document) -> Product | None:
    """The product after one conditional update; None when no product meets the condition."""
    document = products_collection().find_one_and_update(query, update, return_document=ReturnDocument.AFTER)
    if document is None:
        return None
    revision.replace_revision()
    return product_from_document(document)


def update_products(query: Document, update: Document) -> int:
    """How many products meet the condition; each of them is updated, and its version is left to the update."""
    matched = products_collection().update_many(query, update).matched_count
    revision.replace_revision()
    return matched
