"""The hold of an order: the products that are kept for its buyer until they are paid or time is over (b-bu-03)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from libs.chassis.money import Money, sum_money
from libs.chassis.problems import Conflict, NotFound
from libs.chassis.state_machine import StateMachine
from services.shopping.document_store import to_stored_time
from services.shopping.products.rules import Product, ProductState


class HoldState(StrEnum):
    ACTIVE = "active"
    SOLD = "sold"
    RELEASED = "released"


LIFECYCLE = StateMachine.from_states(
    "hold", HoldState.ACTIVE, {HoldState.ACTIVE: [HoldState.SOLD, HoldState.RELEASED]}
)


class ReleaseReason(StrEnum):
    LAPSED = "lapsed"
    CANCELLED = "cancelled"
    # A product was unavailable while the hold was being created, so its order was never placed.
    REJECTED = "rejected"


class HoldNotFound(NotFound):
    slug = "hold-not-found"
    title = "The order has no hold"


class HoldMismatch(Conflict):
    slug = "hold-mismatch"
    title = "The order already holds other products"


class PriceChanged(Conflict):
    slug = "price-changed"
    title = "The price of the products has changed"


class HoldEnded(Conflict):
    slug = "hold-ended"
    title = "The hold of this order has ended"


class HoldSold(Conflict):
    slug = "hold-sold"
    title = "The products of this order are sold"


@dataclass(frozen=True)
class HeldItem:
    product_id: str
    title: str
    price: Money


@dataclass(frozen=True)
class Hold:
    """`until` is when an unpaid hold lapses; `is_published` whether its decision is in the outbox."""

    order_id: str
    buyer_id: str
    state: HoldState
    until: datetime
    items: Sequence[HeldItem]
    reason: ReleaseReason | None = None
    is_published: bool = False

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


@dataclass(frozen=True)
class Quote:
    """The current titles and prices of products; the unavailable ones cannot be ordered now."""

    items: list[HeldItem]
    unavailable_product_ids: list[str]


def compute_hold_deadline(now: datetime, minutes: int) -> datetime:
    """When an unpaid hold that is created at `now` lapses, to the millisecond."""
    return to_stored_time(now) + timedelta(minutes=minutes)


def is_same_order(hold: Hold, buyer_id: str, product_ids: Sequence[str]) -> bool:
    """Whether a repeated request names the buyer and the products of the hold, in any order."""
    return hold.buyer_id == buyer_id and set(hold.product_ids) == set(product_ids)


def list_available_items(
    product_ids: Iterable[str], products: Mapping[str, Product], currency: str
) -> list[HeldItem]:
    """The products that can be ordered in this currency, at their current prices, in the order of the request."""
    return [
        HeldItem(product.id, product.title, product.price)
        for product_id in product_ids
        if (product := products.get(product_id))
        and product.is_available
        and product.price
        and product.price.currency == currency
    ]


def find_orders_with_lapsed_holds(products: Iterable[Product], now: datetime) -> set[str]:
    """The orders whose time to pay for one of these products is over."""
    return {product.hold.order_id for product in products if product.hold and product.hold.until <= now}


def find_own_order_with_all(product_ids: Sequence[str], products: Iterable[Product], buyer_id: str) -> str | None:
    """The one unpaid order of this buyer that holds all of these products; None when there is no such order."""
    holds = [
        product.hold
        for product in products
        if product.hold and product.state is ProductState.HELD and product.belongs_to(buyer_id)
    ]
    orders = {hold.order_id for hold in holds}
    return orders.pop() if len(orders) == 1 and len(holds) == len(set(product_ids)) else None
