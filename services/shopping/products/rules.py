"""The product, which is one unique piece of clothing: its fields, its lifecycle and its errors.

Stories d-po-06 to d-po-08, mf-op-01 to mf-op-05, b-bu-03.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict

from libs.chassis.money import Money
from libs.chassis.problems import Conflict, NotFound, PreconditionFailed
from libs.chassis.state_machine import StateMachine
from services.shopping.document_store import Document


class ProductState(StrEnum):
    DRAFT = "draft"
    PRICED = "priced"
    PUBLISHED = "published"
    HELD = "held"
    SOLD = "sold"
    WITHDRAWN = "withdrawn"
    RECYCLED = "recycled"
    RETURNED = "returned"  # to its donor


class Transition(StrEnum):
    EDIT = "edit"
    SET_PRICE = "set_price"
    SCHEDULE = "schedule"
    UNSCHEDULE = "unschedule"
    PUBLISH = "publish"
    WITHDRAW = "withdraw"
    RESUME = "resume"
    HOLD = "hold"
    RELEASE = "release"
    SELL = "sell"
    RESELL = "resell"
    TAKE_BACK = "take_back"
    RECYCLE = "recycle"
    RETURN = "return"


_S = ProductState
_IN_STOCK = (_S.DRAFT, _S.PRICED, _S.PUBLISHED, _S.WITHDRAWN)  # no buyer has or holds the product

LIFECYCLE = StateMachine(
    name="product",
    initial=_S.DRAFT,
    transitions={
        Transition.EDIT: {state: state for state in _IN_STOCK},
        Transition.SET_PRICE: {
            _S.DRAFT: _S.PRICED,
            _S.PRICED: _S.PRICED,
            _S.PUBLISHED: _S.PUBLISHED,
            _S.WITHDRAWN: _S.WITHDRAWN,
        },
        Transition.SCHEDULE: {_S.PRICED: _S.PRICED},
        Transition.UNSCHEDULE: {_S.PRICED: _S.PRICED},
        Transition.PUBLISH: {_S.PRICED: _S.PUBLISHED, _S.WITHDRAWN: _S.PUBLISHED},
        Transition.WITHDRAW: {_S.PUBLISHED: _S.WITHDRAWN},
        Transition.RESUME: {_S.WITHDRAWN: _S.PUBLISHED},
        Transition.HOLD: {_S.PUBLISHED: _S.HELD},
        Transition.RELEASE: {_S.HELD: _S.PUBLISHED},
        Transition.SELL: {_S.HELD: _S.SOLD},
        Transition.RESELL: {_S.SOLD: _S.PUBLISHED},
        Transition.TAKE_BACK: {_S.SOLD: _S.DRAFT},
        Transition.RECYCLE: dict.fromkeys((*_IN_STOCK, _S.SOLD), _S.RECYCLED),
        Transition.RETURN: dict.fromkeys(_IN_STOCK, _S.RETURNED),
    },
)

# The states in which the public sees a product.
PUBLIC_STATES = frozenset({_S.PUBLISHED, _S.HELD, _S.SOLD})

# Raise it with every change of the photos' renditions: a job rebuilds those of lower versions (photos/rebuild.py).
PHOTOS_VERSION = 2


class ProductNotFound(NotFound):
    slug = "product-not-found"
    title = "There is no such product"


class ProductChangedConcurrently(PreconditionFailed):
    slug = "product-changed-concurrently"
    title = "The product was changed by another request"


class ItemHasProduct(Conflict):
    slug = "item-has-product"
    title = "The donated item already has a product"


class ProductUnavailable(Conflict):
    slug = "product-unavailable"
    title = "A product is no longer available"


@dataclass(frozen=True)
class PhotoSize:
    """A scaled copy of a photo; width and height in pixels."""

    name: str
    key: str
    width: int
    height: int


@dataclass(frozen=True)
class Photo:
    """`key` is the uploaded file, which is never public; width and height are those of the largest of `sizes`."""

    id: str
    key: str
    content_type: str
    width: int
    height: int
    sizes: tuple[PhotoSize, ...]


@dataclass(frozen=True)
class ProductHold:
    """The order that a held or sold product belongs to; `until` is when an unpaid hold lapses."""

    order_id: str
    buyer_id: str
    until: datetime


class Donation(TypedDict):
    """The donating order and the item in it that became the product."""

    order_id: str
    item_id: str


@dataclass(frozen=True, kw_only=True)
class Product:
    """A product as its document stores it. A field with a default may be missing in the document."""

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
    photos: list[Photo]
    created_at: datetime
    updated_at: datetime
    price: Money | None = None
    hold: ProductHold | None = None
    donation: Donation | None = None
    published_at: datetime | None = None
    publish_at: datetime | None = None
    outbox: list[Document] = field(default_factory=list)
    sale_ended_by: str | None = None
    """The return, or the cancelled order, that ended the sale of a sold product: staff may resume it on arrival."""

    @property
    def is_public(self) -> bool:
        return self.state in PUBLIC_STATES

    @property
    def is_available(self) -> bool:
        return self.state is ProductState.PUBLISHED

    def state_after(self, transition: Transition) -> ProductState:
        """The state that the transition leads to. Raises IllegalTransition."""
        return ProductState(LIFECYCLE.apply(self.state, transition))

    def belongs_to(self, buyer_id: str) -> bool:
        """Whether this buyer holds the product or bought it."""
        return self.hold is not None and self.hold.buyer_id == buyer_id
