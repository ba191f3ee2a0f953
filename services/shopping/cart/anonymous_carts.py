"""The cart of a visitor who is not logged in, and its merge at log-in (story b-pr-02).

Whoever has the cart token has the cart. The token travels in a header or a body, never in a URL, and is not stored:
the stores identify the cart by its hash, and otherwise treat it like a customer's.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.chassis import clock
from libs.chassis.system_settings import setting
from services.shopping.cart import cart_rows, cart_store, carts
from services.shopping.cart.cart_cache import KEPT_UNCHANGED
from services.shopping.cart.carts import Cart
from services.shopping.cart.rules import CartChange, CartEntry

TOKEN_PREFIX = "rcc_"  # noqa: S105 the prefix of a token, not a token
ID_PREFIX = "anonymous:"
BATCH_SIZE = 200


@dataclass(frozen=True)
class NewCart:
    """The token of a new, empty cart, and when it expires if nothing is added."""

    cart_token: str
    expires_at: datetime


@dataclass(frozen=True)
class MergedCart:
    """The customer's cart after the merge; products beyond its limit stay in the anonymous cart."""

    cart: Cart
    not_merged_product_ids: Sequence[str]


def start() -> NewCart:
    """A token that cannot be guessed. Nothing is stored before the first product is added."""
    return NewCart(TOKEN_PREFIX + secrets.token_urlsafe(32), clock.now() + KEPT_UNCHANGED)


def derive_cart_id(cart_token: str) -> str:
    """The id by which the stores know the cart; the token cannot be derived from it."""
    return ID_PREFIX + hashlib.sha256(cart_token.encode()).hexdigest()[:48]


def merge_into(customer_id: str, cart_token: str) -> MergedCart:
    """Move the products of the anonymous cart into the customer's cart; repeated, it moves nothing.

    Products that the customer's cart already has stay as they are. A moved product keeps the price that the visitor
    saw, so the cart shows when it changed. Raises CartFull when the cart was filled concurrently.
    """
    anonymous_id = derive_cart_id(cart_token)
    own = {entry.product_id for entry in cart_store.apply_changes(customer_id).present_entries}
    entries = cart_store.apply_changes(anonymous_id).present_entries
    new = [entry for entry in entries if entry.product_id not in own]
    room = max(0, setting("shopping.cart_max_items") - len(own))
    merged = carts.change_cart(customer_id, [_build_addition(entry) for entry in new[:room]])
    not_merged = [entry.product_id for entry in new[room:]]
    # After a crash before this both carts have the products, and a repeated merge changes nothing.
    moved = [CartChange(entry.product_id, False) for entry in entries if entry.product_id not in not_merged]
    cart_store.apply_changes(anonymous_id, moved)
    return MergedCart(merged, not_merged)


def delete_expired() -> None:
    """Delete anonymous carts from the database that have not changed for KEPT_UNCHANGED, as ElastiCache does."""
    before_ms = int((clock.now() - KEPT_UNCHANGED).timestamp() * 1000)
    cart_rows.delete_unchanged_since(before_ms, ID_PREFIX, BATCH_SIZE)


def _build_addition(entry: CartEntry) -> CartChange:
    return CartChange(entry.product_id, True, entry.price_amount, entry.price_currency)
