"""Holds in DocumentDB: the document of an order's hold is the one place that decides sold or released.

Each decision is one `find_one_and_update` on the state `active`, so of a payment and a lapse that come at the
same moment exactly one wins, and everything else (products, events) follows from the document.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from bson.codec_options import CodecOptions
from pymongo import ASCENDING, ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from libs.chassis import clock, skipped_items
from libs.chassis.documents import mongo_database
from libs.chassis.money import Money, sum_money
from services.shopping.products import Document


class HoldState(StrEnum):
    ACTIVE = "active"
    SOLD = "sold"
    RELEASED = "released"


class ReleaseReason(StrEnum):
    LAPSED = "lapsed"
    CANCELLED = "cancelled"
    # Nobody was ever told of this hold, because a product was gone while it was being made.
    REFUSED = "refused"


@dataclass(frozen=True)
class HeldItem:
    product_id: str
    title: str
    price: Money


@dataclass(frozen=True)
class Hold:
    """The products kept for one order until a time (UTC)."""

    order_id: str
    buyer_id: str
    state: HoldState
    until: datetime
    items: Sequence[HeldItem]
    reason: ReleaseReason | None = None
    announced: bool = False

    @property
    def product_ids(self) -> list[str]:
        return [item.product_id for item in self.items]

    @property
    def total(self) -> Money:
        return sum_money((item.price for item in self.items), self.items[0].price.currency)

    @property
    def version(self) -> int:
        """1 while active, 2 once decided: a hold is decided once."""
        return 1 if self.state is HoldState.ACTIVE else 2


def ensure_hold_indexes() -> None:
    _holds().create_index([("state", ASCENDING), ("until", ASCENDING)])
    _holds().create_index([("announced", ASCENDING), ("decided_at", ASCENDING)])


def insert_hold(hold: Hold) -> Hold:
    """Stores a new active hold; when the order has one already, that one is returned instead."""
    document: Document = {
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
        _holds().insert_one(document)
    except DuplicateKeyError:
        return find_hold(hold.order_id) or hold
    return hold


def find_hold(order_id: str) -> Hold | None:
    document = _holds().find_one({"_id": order_id})
    return _hold_from_document(document) if document else None


def decide_sold(order_id: str) -> Hold | None:
    """Decides that an active hold is sold; None when it is not active (any more)."""
    return _decide({"_id": order_id}, HoldState.SOLD, None)


def decide_released(order_id: str, reason: ReleaseReason) -> Hold | None:
    """Decides that an active hold is released; None when it is not active (any more)."""
    return _decide({"_id": order_id}, HoldState.RELEASED, reason)


def decide_lapsed(order_id: str, moment: datetime) -> Hold | None:
    """Releases an active hold whose time is over at `moment`; None when there is nothing to release."""
    return _decide({"_id": order_id, "until": {"$lte": moment}}, HoldState.RELEASED, ReleaseReason.LAPSED)


def lapsed_order_ids(moment: datetime, limit: int, besides: Sequence[str] = ()) -> list[str]:
    lapsed = {"state": str(HoldState.ACTIVE), "until": {"$lte": moment}, "_id": {"$nin": list(besides)}}
    found = _holds().find(lapsed, {"_id": 1})
    return [document["_id"] for document in found.sort("until", ASCENDING).limit(limit)]


def active_order_ids(made_before: datetime, after: str, limit: int) -> list[str]:
    """Orders with an active hold that was made before `made_before`, with ids after the given one, ascending."""
    active = {"state": str(HoldState.ACTIVE), "created_at": {"$lt": made_before}, "_id": {"$gt": after}}
    found = _holds().find(active, {"_id": 1}).sort("_id", ASCENDING).limit(limit)
    return [document["_id"] for document in found]


def unannounced_holds(decided_before: datetime, limit: int, besides: Sequence[str] = ()) -> list[Hold]:
    """Decided holds of which the products or the event may be missing, because a crash came in between."""
    unannounced = {"announced": False, "decided_at": {"$lt": decided_before}, "_id": {"$nin": list(besides)}}
    found = _holds().find(unannounced)
    return skipped_items.read_valid(
        found.sort("decided_at", ASCENDING).limit(limit),
        _hold_from_document,
        kind="hold",
        id_of=lambda document: document["_id"],
    )


def mark_announced(order_id: str) -> None:
    _holds().update_one({"_id": order_id}, {"$set": {"announced": True}})


def _decide(query: Document, state: HoldState, reason: ReleaseReason | None) -> Hold | None:
    decision: Document = {"state": str(state), "decided_at": clock.now(), "announced": False}
    if reason is not None:
        decision["reason"] = str(reason)
    document = _holds().find_one_and_update(
        {**query, "state": str(HoldState.ACTIVE)}, {"$set": decision}, return_document=ReturnDocument.AFTER
    )
    return _hold_from_document(document) if document else None


def _hold_from_document(document: Document) -> Hold:
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
        announced=bool(document.get("announced")),
    )


def _holds() -> Collection[Document]:
    options: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
    collection: Collection[Document] = mongo_database().get_collection("holds", codec_options=options)
    return collection
