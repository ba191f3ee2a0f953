"""A buyer's cart with the current price and availability of its products (story b-pr-02)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from libs.chassis import skipped_items
from libs.chassis.money import Money, sum_money
from libs.chassis.problems import Conflict
from libs.chassis.system_settings import setting
from services.shopping.cart import cart_store
from services.shopping.cart.rules import CartChange, CartEntry, CartIsFull, StoredCart
from services.shopping.catalogue import browsing
from services.shopping.products import product_store
from services.shopping.products.rules import Product, ProductState, ProductUnavailable

CURRENCY_LENGTH = 3  # ISO 4217


class CartFull(Conflict):
    slug = "cart-full"
    title = "The cart is full"


class ItemChange(StrEnum):
    """What happened to a product since the buyer added it."""

    SOLD = "sold"
    HELD = "held"
    REPRICED = "repriced"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class CartItem:
    """`price` is the current price. Items that are not available, or have another currency than the platform's,
    do not count in the total."""

    product_id: str
    title: str
    price: Money
    available: bool
    changed: ItemChange | None
    added_at: datetime


@dataclass(frozen=True)
class Cart:
    items: Sequence[CartItem]
    total: Money
    version: int
    updated_at: datetime | None


def get_cart(customer_id: str) -> Cart:
    return _with_products(customer_id, cart_store.apply_changes(customer_id))


def add_item(customer_id: str, product_id: str) -> Cart:
    """Add a product at its current price; adding it again accepts a price that has changed.

    Raises ProductNotFound, ProductUnavailable, CartFull.
    """
    product = browsing.get_product(product_id)
    if product.price is None or not (product.is_available or product.belongs_to(customer_id)):
        raise ProductUnavailable(
            "Another buyer was faster, or the product is no longer on sale.",
            unavailable_product_ids=[product_id],
        )
    return change_cart(customer_id, [CartChange(product_id, True, product.price.amount, product.price.currency)])


def remove_item(customer_id: str, product_id: str) -> Cart:
    """Remove a product; one that is not in the cart is no error."""
    return change_cart(customer_id, [CartChange(product_id, False)])


def change_cart(customer_id: str, changes: Sequence[CartChange]) -> Cart:
    """Apply all changes, or none. Raises CartFull."""
    try:
        stored = cart_store.apply_changes(customer_id, changes)
    except CartIsFull:
        limit = setting("shopping.cart_max_items")
        raise CartFull(f"A cart has at most {limit} products. Remove one first.") from None
    return _with_products(customer_id, stored)


def remove_ordered(customer_id: str, order_id: str, product_ids: Sequence[str], placed_at: datetime) -> None:
    """Remove the products of an order, however late its event arrives.

    A product that was added again after the order, or that the order no longer holds, stays.
    """
    products = product_store.find_products(product_ids).values()
    ordered = [product.id for product in products if product.hold and product.hold.order_id == order_id]
    placed_at_ms = int(placed_at.timestamp() * 1000)
    changes = [CartChange(product_id, False, added_until_ms=placed_at_ms) for product_id in ordered]
    cart_store.apply_changes(customer_id, changes)


def _with_products(customer_id: str, stored: StoredCart) -> Cart:
    """The cart joined with its products, which takes one query at most."""
    entries = stored.present_entries
    products = browsing.find_products(entry.product_id for entry in entries) if entries else {}
    items = skipped_items.read_valid(
        entries,
        lambda entry: _build_item(customer_id, entry, products.get(entry.product_id)),
        kind="cart item",
        id_of=lambda entry: entry.product_id,
    )
    return Cart(
        items=items,
        total=sum_money((item.price for item in items if item.available), setting("billing.currency")),
        version=stored.version,
        updated_at=_to_time(stored.updated_at_ms) if stored.version else None,
    )


def _build_item(customer_id: str, entry: CartEntry, product: Product | None) -> CartItem:
    seen_price = Money(entry.price_amount, entry.price_currency)
    price = product.price if product and product.price else seen_price
    if price.amount < 0 or len(price.currency) != CURRENCY_LENGTH:
        raise ValueError(f"no price: {price.amount} {price.currency}")
    return CartItem(
        product_id=entry.product_id,
        title=product.title if product else "",
        price=price,
        available=product is not None and product.is_available and price.currency == setting("billing.currency"),
        changed=classify_change(customer_id, product, is_repriced=price != seen_price),
        added_at=_to_time(entry.added_at_ms),
    )


def classify_change(customer_id: str, product: Product | None, *, is_repriced: bool) -> ItemChange | None:
    """What changed since the product was added; None when nothing did, or when the buyer has the product."""
    if product is None:
        return ItemChange.WITHDRAWN
    if product.state is ProductState.PUBLISHED:
        return ItemChange.REPRICED if is_repriced else None
    if product.state in (ProductState.HELD, ProductState.SOLD):
        if product.belongs_to(customer_id):
            return None
        return ItemChange.HELD if product.state is ProductState.HELD else ItemChange.SOLD
    return ItemChange.WITHDRAWN


def _to_time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
