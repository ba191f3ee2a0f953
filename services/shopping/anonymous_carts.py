"""The cart of a visitor who is not logged in, and what becomes of it at log-in (story b-pr-02).

Whoever has the cart token has the cart. It travels in a header or a body, never in an address, and is stored
nowhere: the stores know the cart by a hash of it, and otherwise keep it like a customer's.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.chassis import clock
from libs.chassis.system_settings import setting
from services.shopping import cart, cart_rows, cart_store
from services.shopping.cart import Cart
from services.shopping.cart_entries import CartChange, CartEntry

TOKEN_PREFIX = "rcc_"  # noqa: S105 what a token begins with, not one
ID_PREFIX = "anonymous:"
KEPT_UNCHANGED = timedelta(days=30)  # as long as ElastiCache keeps a cart that nobody reads
MOST_AT_ONCE = 200


@dataclass(frozen=True)
class NewCart:
    """The token of a cart that is empty still, and when it ends if nothing is ever put in."""

    cart_token: str
    expires_at: datetime


@dataclass(frozen=True)
class MergedCart:
    """The customer's cart after the merge; `left_out` had no more room and stayed in the other one."""

    cart: Cart
    left_out: Sequence[str]


def start() -> NewCart:
    """A token that nobody can guess. Nothing is stored before the first product is put in."""
    return NewCart(TOKEN_PREFIX + secrets.token_urlsafe(32), clock.now() + KEPT_UNCHANGED)


def id_of(cart_token: str) -> str:
    """By what the stores know the cart: from it the token cannot be had."""
    return ID_PREFIX + hashlib.sha256(cart_token.encode()).hexdigest()[:48]


def merge_into(customer_id: str, cart_token: str) -> MergedCart:
    """Moves what is in the anonymous cart into the customer's; again it moves nothing.

    What the customer has already stays as it is. The price that the visitor saw goes along, so the cart tells
    when it changed. Raises CartFull when the own cart was filled at the same moment.
    """
    anonymous_id = id_of(cart_token)
    own = {entry.product_id for entry in cart_store.apply_changes(customer_id).present_entries}
    found = cart_store.apply_changes(anonymous_id).present_entries
    new = [entry for entry in found if entry.product_id not in own]
    room = max(0, setting("shopping.cart_max_items") - len(own))
    merged = cart.change(customer_id, [_put(entry) for entry in new[:room]])
    left_out = [entry.product_id for entry in new[room:]]
    # Only now: a crash before this leaves both, and merging again changes nothing.
    moved = [CartChange(entry.product_id, False) for entry in found if entry.product_id not in left_out]
    cart_store.apply_changes(anonymous_id, moved)
    return MergedCart(merged, left_out)


def forget_expired() -> None:
    """Removes anonymous carts from the database that nobody changed for so long; ElastiCache does it by itself."""
    before_ms = int((clock.now() - KEPT_UNCHANGED).timestamp() * 1000)
    cart_rows.remove_unchanged_since(before_ms, ID_PREFIX, MOST_AT_ONCE)


def _put(entry: CartEntry) -> CartChange:
    return CartChange(entry.product_id, True, entry.price_amount, entry.price_currency)
