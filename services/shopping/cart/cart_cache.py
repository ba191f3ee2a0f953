"""Carts in ElastiCache. Each change is a compare-and-set: it is repeated when another change came in between.

A cart is one hash, `cart:<customer id>`, with the fields `cart` (JSON) and `compared_on` (the run id of the server
on which the copy was last compared with the relational database). The sorted set `carts:unsaved` has the ids of the
carts whose latest version is not yet known to be in the relational database. One script writes both, so they must
be on one node (cluster mode off).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from redis import exceptions

from libs.chassis import clock
from libs.chassis.cache import redis_client
from services.shopping.cart.rules import EMPTY_CART, CartChange, StoredCart, apply_changes, merge

UNSAVED_KEY = "carts:unsaved"
KEPT_UNCHANGED = timedelta(days=30)
MAX_ATTEMPTS = 50  # each fails only because another change of the same cart succeeded

# KEYS: the hash, the sorted set. ARGV: the expected cart, the new one, `compared_on`, the seconds to keep the hash,
# the member of the sorted set, and its score if the cart is unsaved.
COMPARE_AND_SET = """
if (redis.call('HGET', KEYS[1], 'cart') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'cart', ARGV[2], 'compared_on', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
if ARGV[6] then redis.call('ZADD', KEYS[2], 'NX', ARGV[6], ARGV[5]) else redis.call('ZREM', KEYS[2], ARGV[5]) end
return 1
"""


class CartCacheUnavailable(Exception):
    """ElastiCache did not respond; whether the change was applied is unknown."""


class CartUnreadable(CartCacheUnavailable):
    """The copy of this one cart in ElastiCache cannot be read."""


class CartNotCompared(CartCacheUnavailable):
    """The copy must be compared with the relational database before it is used."""


@dataclass(frozen=True)
class _Copy:
    text: str
    cart: StoredCart
    compared_on: str
    server: str

    @property
    def is_compared(self) -> bool:
        """A server that was restarted, failed over or restored may have lost the latest changes."""
        return self.compared_on == self.server


def change_cart(
    customer_id: str, changes: Sequence[CartChange] = (), *, max_items: int, must_be_compared: bool
) -> tuple[StoredCart, bool]:
    """The cart after the changes, and whether they changed it.

    Raises CartIsFull, CartNotCompared, CartCacheUnavailable.
    """
    for _ in range(MAX_ATTEMPTS):
        copy = _read(customer_id)
        if must_be_compared and not copy.is_compared:
            raise CartNotCompared(customer_id)
        cart = apply_changes(copy.cart, changes, now_ms=get_now_ms(), max_items=max_items)
        if cart is copy.cart:
            return cart, False
        if _replace(customer_id, copy, cart, compared_on=copy.compared_on, is_saved=False):
            return cart, True
    raise CartCacheUnavailable(customer_id)


def merge_saved(customer_id: str, saved: StoredCart) -> None:
    """Merge what the relational database has. Raises CartCacheUnavailable."""
    for _ in range(MAX_ATTEMPTS):
        copy = _read(customer_id)
        cart = merge(copy.cart, saved)
        is_saved = (cart.version, cart.entries) == (saved.version, saved.entries)
        if _replace(customer_id, copy, cart, compared_on=copy.server, is_saved=is_saved):
            return
    raise CartCacheUnavailable(customer_id)


def get_copy(customer_id: str) -> StoredCart:
    """The copy in ElastiCache, compared or not. Raises CartCacheUnavailable."""
    return _read(customer_id).cart


def list_unsaved(*, since_before_ms: int, limit: int) -> list[str]:
    """Customers whose cart has been unsaved since before this time. Raises CartCacheUnavailable."""
    with _translate_outage():
        unsaved: Any = redis_client().zrangebyscore(UNSAVED_KEY, "-inf", since_before_ms, start=0, num=limit)
        return list(unsaved)


def postpone_unsaved(customer_id: str, until_ms: int) -> None:
    """Do not list the cart again before `until_ms`, unless it is saved. Raises CartCacheUnavailable."""
    with _translate_outage():
        redis_client().zadd(UNSAVED_KEY, {customer_id: until_ms}, xx=True)


def get_now_ms() -> int:
    return int(clock.now().timestamp() * 1000)


def _read(customer_id: str) -> _Copy:
    try:
        with _translate_outage():
            pipeline = redis_client().pipeline(transaction=False)
            pipeline.hmget(_build_key(customer_id), "cart", "compared_on")
            pipeline.info("server")
            (text, compared_on), server = pipeline.execute()
        document = json.loads(text) if text else EMPTY_CART.to_document()
        cart = StoredCart.from_document(document)
        if len(cart.entries) != len(document["entries"]):
            raise ValueError("An entry cannot be read.")
    except (exceptions.ResponseError, ValueError, TypeError, LookupError) as error:
        raise CartUnreadable(customer_id) from error
    return _Copy(text or "", cart, compared_on or "", server["run_id"])


def _replace(customer_id: str, copy: _Copy, cart: StoredCart, *, compared_on: str, is_saved: bool) -> bool:
    """False when the cart is no longer the copy that was read."""
    seconds = int(KEPT_UNCHANGED.total_seconds())
    arguments: list[str | int] = [copy.text, json.dumps(cart.to_document()), compared_on, seconds, customer_id]
    if not is_saved:
        arguments.append(get_now_ms())
    with _translate_outage():
        script = redis_client().register_script(COMPARE_AND_SET)
        return bool(script(keys=[_build_key(customer_id), UNSAVED_KEY], args=arguments))


@contextmanager
def _translate_outage() -> Iterator[None]:
    try:
        yield
    except (
        exceptions.ConnectionError,
        exceptions.TimeoutError,
        exceptions.ReadOnlyError,
        exceptions.OutOfMemoryError,
    ) as error:
        raise CartCacheUnavailable from error


def _build_key(customer_id: str) -> str:
    return f"cart:{customer_id}"
