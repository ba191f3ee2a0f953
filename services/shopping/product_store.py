"""Products in DocumentDB: every query and every atomic update of the `products` collection.

Only what DocumentDB has is used: no `$text`, no transactions across documents, no retryable writes. One
product is one document, and each change is one conditional update of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bson.codec_options import CodecOptions
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from libs.chassis import skipped_items
from libs.chassis.documents import mongo_database
from libs.chassis.money import Money
from services.shopping import moments, page_memory, vocabulary
from services.shopping.products import (
    PHOTOS_VERSION,
    Document,
    ItemHasProduct,
    Move,
    Product,
    ProductState,
    legal_origins,
    product_from_document,
)
from services.shopping.search_terms import TERMS_VERSION, facets_of, terms_of, vocabulary_of

SEARCHED_FIELDS = frozenset(
    {"title", "description", "category", "brand", "colour", "condition", "sizes", "attributes"}
)

NEWEST = [("published_at", DESCENDING), ("_id", DESCENDING)]
BY_PRICE = [("price.amount", ASCENDING), ("_id", ASCENDING)]
# Every filter is an equality on `search_terms`, so these serve each combination of filter and sort order;
# descending price is BY_PRICE read backwards. The staff list is read by state and id.
INDEXES: Sequence[list[tuple[str, int]]] = (
    [("state", ASCENDING), *NEWEST],
    [("state", ASCENDING), *BY_PRICE],
    [("state", ASCENDING), ("search_terms", ASCENDING), *NEWEST],
    [("state", ASCENDING), ("search_terms", ASCENDING), *BY_PRICE],
    [("state", ASCENDING), ("_id", DESCENDING)],
    [("state", ASCENDING), ("publish_at", ASCENDING)],
    [("terms_version", ASCENDING)],
    [("photos_version", ASCENDING)],
)
# The terms are for finding; they are most of a document and nobody reads them.
WITHOUT_TERMS = {"search_terms": 0, "facets": 0}


def products_collection() -> Collection[Document]:
    options: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
    collection: Collection[Document] = mongo_database().get_collection("products", codec_options=options)
    return collection


def price_currencies() -> list[str]:
    """The currencies of all prices, in alphabetical order; for the rare change of the currency only."""
    return sorted(products_collection().distinct("price.currency", {"price": {"$ne": None}}))


def ensure_product_indexes() -> None:
    for keys in INDEXES:
        products_collection().create_index(keys)
    for times in ("announcements.at", "files_to_delete.at", "unconfirmed_files.at"):
        products_collection().create_index([(times, ASCENDING)], sparse=True)
    products_collection().create_index([("donation.order_id", ASCENDING)], sparse=True)
    # An item of a donation is one piece of clothing, and so one product.
    products_collection().create_index([("donation.item_id", ASCENDING)], sparse=True, unique=True)


def insert_draft(product_id: str, fields: Mapping[str, Any], announcement: Document) -> Product:
    """Stores a new draft; when the id is taken (a repeated request) the stored product is returned.

    Raises ItemHasProduct when another product was made of the same donated item.
    """
    now = moments.now()
    vocabulary.learn(vocabulary_of(fields))
    document: Document = {
        "_id": product_id,
        "version": 1,
        "state": str(ProductState.DRAFT),
        **fields,
        **found_by(fields),
        "photos": [],
        "photos_version": PHOTOS_VERSION,
        "created_at": now,
        "updated_at": now,
        "announcements": [announcement],
    }
    try:
        products_collection().insert_one(document)
    except DuplicateKeyError:
        known = products_collection().find_one({"_id": product_id})
        if known is None:
            raise ItemHasProduct("A piece of clothing is one product; edit that one.") from None
        document = known
    return product_from_document(document)


def found_by(facts: Mapping[str, Any]) -> Document:
    """The part of a product's document by which it is found."""
    return {"search_terms": terms_of(facts), "facets": facets_of(facts), "terms_version": TERMS_VERSION}


def find_product(product_id: str) -> Product | None:
    document = products_collection().find_one({"_id": product_id}, WITHOUT_TERMS)
    return next(iter(readable([document])), None) if document else None


def find_products(product_ids: Iterable[str]) -> dict[str, Product]:
    """The products with these ids in one query; an unknown id is simply not in the answer."""
    found = products_collection().find({"_id": {"$in": list(product_ids)}}, WITHOUT_TERMS)
    return {product.id: product for product in readable(found)}


def readable(documents: Iterable[Document]) -> list[Product]:
    """The products of these documents, without those that cannot be read."""
    return skipped_items.read_valid(
        documents, product_from_document, kind="product", id_of=lambda document: document.get("_id")
    )


def change_product(
    product: Product,
    *,
    set_fields: Mapping[str, Any],
    unset_fields: Iterable[str] = (),
    announcements: Sequence[Document] = (),
    whatever_version: bool = False,
    only_if: Mapping[str, Any] | None = None,
) -> Product | None:
    """Changes the product if it is still as it was read; None when somebody was quicker.

    As it was read means its version, or only its state when the version does not matter, and `only_if`, which is
    a further condition on the stored document. The announcements
    (audit entries, events) go into the same update, so that none is lost in a crash.
    """
    changed = {**set_fields, "updated_at": moments.now()}
    if SEARCHED_FIELDS & set_fields.keys():
        current = {name: getattr(product, name) for name in SEARCHED_FIELDS}
        facts = {**current, **set_fields}
        vocabulary.learn(vocabulary_of(facts))
        changed |= found_by(facts)
    update: Document = {"$set": changed, "$inc": {"version": 1}}
    if unset_fields:
        update["$unset"] = dict.fromkeys(unset_fields, "")
    if announcements:
        update["$push"] = {"announcements": {"$each": list(announcements)}}
    as_read = {"state": str(product.state)} if whatever_version else {"version": product.version}
    return update_one({"_id": product.id, **as_read, **(only_if or {})}, update)


def claim_product(product_id: str, price: Money, hold: Document) -> Product | None:
    """Takes the product for one order by one atomic update; None when somebody else has it.

    A claim repeated for the same order finds its own hold and succeeds again. The price is part of the
    condition: nobody gets a product at another price than the one that was read (story b-bu-03).
    """
    return update_one(
        {
            "_id": product_id,
            "$or": [
                {
                    "state": {"$in": legal_origins(Move.HOLD)},
                    "price.amount": price.amount,
                    "price.currency": price.currency,
                },
                {"state": str(ProductState.HELD), "hold.order_id": hold["order_id"]},
            ],
        },
        {"$set": {"state": str(ProductState.HELD), "hold": hold}, "$inc": {"version": 1}},
    )


def free_products(order_id: str, product_ids: Iterable[str]) -> None:
    """Publishes again what is held for this order; what is not held for it stays as it is."""
    _move_held(
        order_id,
        product_ids,
        {"$set": {"state": str(ProductState.PUBLISHED)}, "$unset": {"hold": ""}, "$inc": {"version": 1}},
    )


def sell_products(order_id: str, product_ids: Iterable[str]) -> None:
    """Makes sold what is held for this order; the hold stays as the record of who bought it."""
    _move_held(order_id, product_ids, {"$set": {"state": str(ProductState.SOLD)}, "$inc": {"version": 1}})


def _move_held(order_id: str, product_ids: Iterable[str], update: Document) -> None:
    products_collection().update_many(
        {"_id": {"$in": list(product_ids)}, "state": str(ProductState.HELD), "hold.order_id": order_id},
        update,
    )
    page_memory.forget()


def products_sold_to(order_id: str, product_ids: Iterable[str]) -> list[Product]:
    """Those of the products that are sold to this order still."""
    wanted = {"_id": {"$in": list(product_ids)}, "state": str(ProductState.SOLD), "hold.order_id": order_id}
    found = products_collection().find(wanted, WITHOUT_TERMS)
    return readable(found.sort("_id", ASCENDING))


def products_held_past(moment: datetime, limit: int, besides: Sequence[str] = ()) -> list[Product]:
    """Products whose hold should have been decided before `moment`: left over from a crash."""
    query = {"state": str(ProductState.HELD), "hold.until": {"$lt": moment}, "_id": {"$nin": list(besides)}}
    return readable(products_collection().find(query).limit(limit))


def products_due_for_publication(moment: datetime, limit: int, besides: Sequence[str] = ()) -> list[Product]:
    query = {"state": str(ProductState.PRICED), "publish_at": {"$lte": moment}, "_id": {"$nin": list(besides)}}
    found = products_collection().find(query).sort("publish_at", ASCENDING).limit(limit)
    return readable(found)


def products_with_announcements_before(moment: datetime, limit: int) -> list[Product]:
    found = products_collection().find({"announcements.at": {"$lt": moment}}).limit(limit)
    return readable(found)


def remove_announcements(product_id: str, announcement_ids: Iterable[str]) -> None:
    """Forgets what has been announced; not a change of the product, so its version stays."""
    products_collection().update_one(
        {"_id": product_id}, {"$pull": {"announcements": {"id": {"$in": list(announcement_ids)}}}}
    )


def set_announcement_aside(product_id: str, announcement: Document) -> None:
    """Keeps an announcement that cannot be made where no job tries it again."""
    products_collection().update_one(
        {"_id": product_id},
        # By its value, because an entry that cannot be announced may lack any field.
        {"$pull": {"announcements": {"$in": [announcement]}}, "$push": {"failed_announcements": announcement}},
    )


def list_products(query: Document, order_by: Sequence[tuple[str, int]], limit: int) -> list[Product]:
    """Up to `limit` products in this order; in the place of those that cannot be read come later ones."""
    wanted = limit
    while True:
        found = list(products_collection().find(query, WITHOUT_TERMS).sort(list(order_by)).limit(wanted))
        products = readable(found)
        if len(products) >= limit or len(found) < wanted:
            return products[:limit]
        wanted *= 2


def count_facets(query: Document, most_products: int, most_values: int) -> list[Document]:
    """How many of the found products each facet value has, most first: `{"_id": term, "label", "count"}`.

    At most so many products are looked at and so many values returned. No `$facet`: DocumentDB has none.
    """
    return list(
        products_collection().aggregate(
            [
                {"$match": query},
                {"$limit": most_products},
                {"$project": {"_id": 0, "facets": 1}},
                {"$unwind": "$facets"},
                {"$group": {"_id": "$facets.term", "label": {"$first": "$facets.label"}, "count": {"$sum": 1}}},
                {"$sort": {"count": -1, "_id": 1}},
                {"$limit": most_values},
            ]
        )
    )


def count_products(query: Document, most: int) -> int:
    return products_collection().count_documents(query, limit=most)


def update_one(query: Document, update: Document) -> Product | None:
    """The product after one conditional update; None when no product meets the condition."""
    document = products_collection().find_one_and_update(query, update, return_document=ReturnDocument.AFTER)
    if document is None:
        return None
    page_memory.forget()
    return product_from_document(document)
