"""The product: one unique piece of clothing, its states and which moves between them are legal.

Source of the states: the state machine "Product" of the domain (stories d-po-06..08, mf-op-01..05, b-bu-03).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from libs.chassis.money import Money
from libs.chassis.problems import Conflict, NotFound, PreconditionFailed

Document = dict[str, Any]


class ProductState(StrEnum):
    DRAFT = "draft"
    PRICED = "priced"
    PUBLISHED = "published"
    HELD = "held"
    SOLD = "sold"
    WITHDRAWN = "withdrawn"
    RECYCLED = "recycled"
    RETURNED = "returned"  # with its donor again


class Move(StrEnum):
    EDIT = "edit"
    SET_PRICE = "set the price of"
    SCHEDULE = "schedule"
    UNSCHEDULE = "cancel the publication of"
    PUBLISH = "publish"
    WITHDRAW = "withdraw"
    RESUME = "resume"
    HOLD = "hold"
    RELEASE = "release"
    SELL = "sell"
    SELL_AGAIN = "sell again"
    TAKE_BACK = "take back"
    RECYCLE = "recycle"
    RETURN = "return to its donor"


_S = ProductState

# Every legal move, and the state it leads to. What is not here is refused with 409 and leaves no trace.
TRANSITIONS: Mapping[Move, Mapping[ProductState, ProductState]] = {
    Move.EDIT: {state: state for state in (_S.DRAFT, _S.PRICED, _S.PUBLISHED, _S.WITHDRAWN)},
    Move.SET_PRICE: {
        _S.DRAFT: _S.PRICED,
        _S.PRICED: _S.PRICED,
        _S.PUBLISHED: _S.PUBLISHED,
        _S.WITHDRAWN: _S.WITHDRAWN,
    },
    Move.SCHEDULE: {_S.PRICED: _S.PRICED},
    Move.UNSCHEDULE: {_S.PRICED: _S.PRICED},
    Move.PUBLISH: {_S.PRICED: _S.PUBLISHED, _S.WITHDRAWN: _S.PUBLISHED},
    Move.WITHDRAW: {_S.PUBLISHED: _S.WITHDRAWN},
    Move.RESUME: {_S.WITHDRAWN: _S.PUBLISHED},
    Move.HOLD: {_S.PUBLISHED: _S.HELD},
    Move.RELEASE: {_S.HELD: _S.PUBLISHED},
    Move.SELL: {_S.HELD: _S.SOLD},
    Move.SELL_AGAIN: {_S.SOLD: _S.PUBLISHED},
    Move.TAKE_BACK: {_S.SOLD: _S.DRAFT},
    Move.RECYCLE: dict.fromkeys((_S.DRAFT, _S.PRICED, _S.PUBLISHED, _S.WITHDRAWN, _S.SOLD), _S.RECYCLED),
    Move.RETURN: dict.fromkeys((_S.DRAFT, _S.PRICED, _S.PUBLISHED, _S.WITHDRAWN), _S.RETURNED),
}

# Raise it with every change of how photos are stored: a job converts those of older versions (photo_conversion.py).
PHOTOS_VERSION = 2

# A buyer sees these; drafts, priced, withdrawn, recycled and returned products do not exist for the public.
PUBLIC_STATES = frozenset({_S.PUBLISHED, _S.HELD, _S.SOLD})


class ProductNotFound(NotFound):
    slug = "product-not-found"
    title = "There is no such product"


class IllegalTransition(Conflict):
    slug = "illegal-transition"
    title = "The product's state does not allow this"


class ProductChangedMeanwhile(PreconditionFailed):
    slug = "product-changed-meanwhile"
    title = "Somebody else changed the product meanwhile"


class ItemHasProduct(Conflict):
    slug = "item-has-product"
    title = "There is a product of this donated item already"


class ProductUnavailable(Conflict):
    slug = "product-unavailable"
    title = "A product is no longer available"


def next_state(state: ProductState, move: Move) -> ProductState:
    """The state that a move leads to; raises IllegalTransition when the table has no such move."""
    try:
        return TRANSITIONS[move][state]
    except KeyError:
        raise IllegalTransition(f"One cannot {move} a product that is {state}.", state=str(state)) from None


def legal_origins(move: Move) -> list[str]:
    """The states a move may start from, for the filter of an atomic update."""
    return [str(state) for state in TRANSITIONS[move]]


@dataclass(frozen=True)
class PhotoSize:
    """The photo once more, made smaller for one use; width and height in pixels."""

    name: str
    key: str
    width: int
    height: int


@dataclass(frozen=True)
class Photo:
    """`key` is the uploaded file, which is never shown; width and height are those of the largest of `sizes`."""

    id: str
    key: str
    content_type: str
    width: int
    height: int
    sizes: tuple[PhotoSize, ...] = ()


@dataclass(frozen=True)
class ProductHold:
    """Who a held or sold product is kept for; `until` is when an unpaid hold lapses."""

    order_id: str
    buyer_id: str
    until: datetime


@dataclass(frozen=True)
class Product:
    id: str
    version: int
    state: ProductState
    title: str
    description: str
    category: str
    brand: str
    colour: str
    condition: str
    sizes: list[dict[str, str]]
    attributes: dict[str, Any]
    price: Money | None
    photos: list[Photo]
    hold: ProductHold | None
    donation: dict[str, str] | None
    published_at: datetime | None
    publish_at: datetime | None
    created_at: datetime
    updated_at: datetime
    announcements: list[Document] = field(default_factory=list)
    came_back_with: str | None = None
    """The return or order with which the sale of a sold product ended: once somebody has it, it may be resumed."""

    @property
    def is_public(self) -> bool:
        return self.state in PUBLIC_STATES

    @property
    def is_available(self) -> bool:
        return self.state is ProductState.PUBLISHED

    def after(self, move: Move) -> ProductState:
        """The state this product goes to by `move`; raises IllegalTransition."""
        return next_state(self.state, move)

    def belongs_to(self, buyer_id: str) -> bool:
        """True when this very buyer holds the product or bought it."""
        return self.hold is not None and self.hold.buyer_id == buyer_id


def product_from_document(document: Document) -> Product:
    """Reads the stored form; the inverse lives in `new_document` and the field updates of the store."""
    price, hold = document.get("price"), document.get("hold")
    return Product(
        id=document["_id"],
        version=document["version"],
        state=ProductState(document["state"]),
        title=document["title"],
        description=document["description"],
        category=document["category"],
        brand=document["brand"],
        colour=document["colour"],
        condition=document["condition"],
        sizes=document["sizes"],
        attributes=document["attributes"],
        price=Money.from_dict(price) if price else None,
        photos=[photo_from_document(photo) for photo in document["photos"]],
        hold=ProductHold(**hold) if hold else None,
        donation=document.get("donation"),
        published_at=document.get("published_at"),
        publish_at=document.get("publish_at"),
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        announcements=document.get("announcements", []),
        came_back_with=document.get("came_back_with"),
    )


def photo_from_document(document: Document) -> Photo:
    facts = {name: document[name] for name in ("id", "key", "content_type", "width", "height")}
    return Photo(**facts, sizes=tuple(PhotoSize(**size) for size in document.get("sizes", ())))
