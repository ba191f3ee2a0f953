"""A buyer's cart: products put in and taken out, and what became of them meanwhile (story b-pr-02)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from libs.chassis import skipped_items
from libs.chassis.money import Money, sum_money
from libs.chassis.problems import Conflict
from libs.chassis.system_settings import setting
from services.shopping import cart_store, catalogue, product_store
from services.shopping.cart_entries import CartChange, CartEntry, CartIsFull, StoredCart
from services.shopping.products import Product, ProductState, ProductUnavailable

CURRENCY_LENGTH = 3  # ISO 4217


class CartFull(Conflict):
    slug = "cart-full"
    title = "The cart is full"


class ItemChange(StrEnum):
    """What happened to a product since the buyer put it in."""

    SOLD = "sold"
    HELD = "held"
    REPRICED = "repriced"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class CartItem:
    """`price` is today's price; an item that is not available does not count in the total, nor one in another
    currency than that of the platform."""

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


def put_item(customer_id: str, product_id: str) -> Cart:
    """Puts a product in at its price of now; once more accepts a price that was changed meanwhile.

    Raises ProductNotFound, ProductUnavailable, CartFull.
    """
    product = catalogue.get_product(product_id)
    if product.price is None or not (product.is_available or product.belongs_to(customer_id)):
        raise ProductUnavailable(
            "Somebody else was quicker, or it is no longer sold.", unavailable_product_ids=[product_id]
        )
    return change(customer_id, [CartChange(product_id, True, product.price.amount, product.price.currency)])


def remove_item(customer_id: str, product_id: str) -> Cart:
    """Takes a product out; one that is not in the cart is no error."""
    return change(customer_id, [CartChange(product_id, False)])


def change(customer_id: str, changes: Sequence[CartChange]) -> Cart:
    """All of these changes, or none: CartFull."""
    try:
        stored = cart_store.apply_changes(customer_id, changes)
    except CartIsFull:
        limit = setting("shopping.cart_max_items")
        raise CartFull(f"A cart takes {limit} products at most.") from None
    return _with_products(customer_id, stored)


def remove_ordered(customer_id: str, order_id: str, product_ids: Sequence[str], placed_at: datetime) -> None:
    """Takes out what the customer has ordered, however late that is heard.

    What was put in after the order stays, and so does what the order has let go of since.
    """
    products = product_store.find_products(product_ids).values()
    ordered = [product.id for product in products if product.hold and product.hold.order_id == order_id]
    placed_at_ms = int(placed_at.timestamp() * 1000)
    changes = [CartChange(product_id, False, put_in_until_ms=placed_at_ms) for product_id in ordered]
    cart_store.apply_changes(customer_id, changes)


def _with_products(customer_id: str, stored: StoredCart) -> Cart:
    """Joins the current facts of all products, with one query at most."""
    entries = stored.present_entries
    products = catalogue.find_products(entry.product_id for entry in entries) if entries else {}
    items = skipped_items.read_valid(
        entries,
        lambda entry: _item(customer_id, entry, products.get(entry.product_id)),
        kind="cart item",
        id_of=lambda entry: entry.product_id,
    )
    return Cart(
        items=items,
        total=sum_money((item.price for item in items if item.available), setting("billing.currency")),
        version=stored.version,
        updated_at=_moment(stored.updated_at_ms) if stored.version else None,
    )


def _item(customer_id: str, entry: CartEntry, product: Product | None) -> CartItem:
    seen_price = Money(entry.price_amount, entry.price_currency)
    price = product.price if product and product.price else seen_price
    if price.amount < 0 or len(price.currency) != CURRENCY_LENGTH:
        raise ValueError(f"no price: {price.amount} {price.currency}")
    return CartItem(
        product_id=entry.product_id,
        title=product.title if product else "",
        price=price,
        available=product is not None and product.is_available and price.currency == setting("billing.currency"),
        changed=change_of(customer_id, product, repriced=price != seen_price),
        added_at=_moment(entry.added_at_ms),
    )


def change_of(customer_id: str, product: Product | None, *, repriced: bool) -> ItemChange | None:
    """What the buyer has to be shown of this product; None when it is as it was put in, or the buyer's own."""
    if product is None:
        return ItemChange.WITHDRAWN
    if product.state is ProductState.PUBLISHED:
        return ItemChange.REPRICED if repriced else None
    if product.state in (ProductState.HELD, ProductState.SOLD):
        if product.belongs_to(customer_id):
            return None
        return ItemChange.HELD if product.state is ProductState.HELD else ItemChange.SOLD
    return ItemChange.WITHDRAWN


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
