"""Holds in DocumentDB: the document of an order's hold alone decides whether its products are sold or released.

Each decision is one `find_one_and_update` on the state `active`. So of a payment and a lapse at the same time
exactly one wins, and everything else (products, events) follows from the document.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from libs.chassis import clock, skipped_items
from libs.chassis.money import Money
from services.shopping.document_store import Document, DocumentCollection
from services.shopping.holds.rules import LIFECYCLE, HeldItem, Hold, HoldState, ReleaseReason

holds_collection = DocumentCollection("holds")


def ensure_hold_indexes() -> None:
    holds_collection().create_index([("state", ASCENDING), ("until", ASCENDING)])
    holds_collection().create_index([("is_published", ASCENDING), ("decided_at", ASCENDING)])


def insert_hold(hold: Hold) -> Hold:
    """Store a new active hold; when the order already has one, that one is returned instead."""
    document = {
        "_id": hold.order_id,
        "buyer_id": hold.buyer_id,
        "state": str(hold.state),
        "until": hold.until,
        "items": [
            {"product_id": item.product_id, "title": item.title, "price": item.price.to_dict()}
            for item in hold.items
        ],
        "created_at": clock.now(),
    }
    try:
        holds_collection().insert_one(holds_collection.add_version(document))
    except DuplicateKeyError:
        return find_hold(hold.order_id) or hold
    return hold


def find_hold(order_id: str) -> Hold | None:
    document = holds_collection().find_one({"_id": order_id})
    return _hold_from_document(document) if document else None


def decide_sold(order_id: str) -> Hold | None:
    """Decide that an active hold is sold; None when it is not active."""
    return _decide({"_id": order_id}, HoldState.SOLD, None)


def decide_released(order_id: str, reason: ReleaseReason) -> Hold | None:
    """Decide that an active hold is released; None when it is not active."""
    return _decide({"_id": order_id}, HoldState.RELEASED, reason)


def decide_lapsed(order_id: str, now: datetime) -> Hold | None:
    """Release an active hold whose time is over; None when there is nothing to release."""
    return _decide({"_id": order_id, "until": {"$lte": now}}, HoldState.RELEASED, ReleaseReason.LAPSED)


def list_lapsed_order_ids(now: datetime, limit: int, excluded_ids: Sequence[str] = ()) -> list[str]:
    lapsed = {"state": str(HoldState.ACTIVE), "until": {"$lte": now}, "_id": {"$nin": list(excluded_ids)}}
    documents = holds_collection().find(lapsed, {"_id": 1}).sort("until", ASCENDING).limit(limit)
    return [document["_id"] for document in documents]


def list_active_order_ids(created_before: datetime, after: str, limit: int) -> list[str]:
    """Orders with an active hold from before `created_before`, with ids after the given one, ascending."""
    active = {"state": str(HoldState.ACTIVE), "created_at": {"$lt": created_before}, "_id": {"$gt": after}}
    documents = holds_collection().find(active, {"_id": 1}).sort("_id", ASCENDING).limit(limit)
    return [document["_id"] for document in documents]


def list_unpublished_holds(decided_before: datetime, limit: int, excluded_ids: Sequence[str] = ()) -> list[Hold]:
    """Decided holds whose products or events may be missing because of a crash."""
    query = {"is_published": False, "decided_at": {"$lt": decided_before}, "_id": {"$nin": list(excluded_ids)}}
    return skipped_items.read_valid(
        holds_collection().find(query).sort("decided_at", ASCENDING).limit(limit),
        _hold_from_document,
        kind="hold",
        id_of=lambda document: document["_id"],
    )


def mark_published(order_id: str) -> None:
    holds_collection().update_one({"_id": order_id}, {"$set": {"is_published": True}})


def _decide(query: Document, state: HoldState, reason: ReleaseReason | None) -> Hold | None:
    decision: Document = {"state": str(state), "decided_at": clock.now(), "is_published": False}
    if reason is not None:
        decision["reason"] = str(reason)
    document = holds_collection().find_one_and_update(
        {**query, "state": {"$in": LIFECYCLE.sources(state)}},
        {"$set": decision},
        return_document=ReturnDocument.AFTER,
    )
    return _hold_from_document(document) if document else None


def _hold_from_document(document: Document) -> Hold:
    document = holds_collection.upgrade(document)
    reason: Any = document.get("reason")
    return Hold(
        order_id=document["_id"],
        buyer_id=document["buyer_id"],
        state=HoldState(document["state"]),
        until=document["until"],
        items=[
            HeldItem(item["product_id"], item["title"], Money.from_dict(item["price"]))
            for item in document["items"]
        ],
        reason=ReleaseReason(reason) if reason else None,
        is_published=bool(document.get("is_published")),
    )
