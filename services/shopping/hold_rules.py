"""The rules of a hold as functions of products and times, without a store (story b-bu-03)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from services.shopping import moments
from services.shopping.hold_store import HeldItem, Hold
from services.shopping.products import Product, ProductState


def deadline(now: datetime, minutes: int) -> datetime:
    """When an unpaid hold that is made at `now` lapses, to the millisecond."""
    return moments.to_milliseconds(now) + timedelta(minutes=minutes)


def is_same_order(hold: Hold, buyer_id: str, product_ids: Sequence[str]) -> bool:
    """Whether a repeated request asks for what the hold has, in whatever order."""
    return hold.buyer_id == buyer_id and set(hold.product_ids) == set(product_ids)


def available_items(product_ids: Iterable[str], products: Mapping[str, Product], currency: str) -> list[HeldItem]:
    """The products that can be ordered in this currency, at their present prices, in the order of the request."""
    return [
        HeldItem(product.id, product.title, product.price)
        for product_id in product_ids
        if (product := products.get(product_id))
        and product.is_available
        and product.price
        and product.price.currency == currency
    ]


def orders_with_lapsed_holds(products: Iterable[Product], now: datetime) -> set[str]:
    """The orders whose time to pay for one of these products is over."""
    return {product.hold.order_id for product in products if product.hold and product.hold.until <= now}


def own_order_with_all(product_ids: Sequence[str], products: Iterable[Product], buyer_id: str) -> str | None:
    """The one unpaid order of this buyer that holds all of these products; None when there is no such order."""
    holds = [
        product.hold
        for product in products
        if product.hold and product.state is ProductState.HELD and product.belongs_to(buyer_id)
    ]
    orders = {hold.order_id for hold in holds}
    return orders.pop() if len(orders) == 1 and len(holds) == len(set(product_ids)) else None
