"""Carts in ElastiCache: every step on a cart is one run of `cart.lua`.

A cart is one hash, `cart:<customer id>`; the sorted set `carts:unsaved` names the carts whose latest version
is not yet known to be in the relational database. Both are touched by one script, so on a cluster they need
one node (cluster mode off).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from redis import exceptions

from libs.chassis import clock
from libs.chassis.cache import redis_client
from services.shopping.cart.rules import MAX_REMOVED, CartChange, StoredCart, decode_entry

UNSAVED_KEY = "carts:unsaved"
KEPT_UNREAD = timedelta(days=30)

Outcome = Literal["unchecked", "full", "changed", "unchanged"]


class CartCacheUnavailable(Exception):
    """ElastiCache did not answer; whether the step happened is not known."""


class CartUnreadable(CartCacheUnavailable):
    """What ElastiCache has of this one cart cannot be read."""


@dataclass(frozen=True)
class CartStep:
    """What a step did: nothing when `unchecked` (the copy must first be compared with the database) or `full`."""

    outcome: Outcome
    cart: StoredCart


@cache
def _script_text() -> str:
    return Path(__file__).with_name("cart.lua").read_text(encoding="utf-8")


def take_step(
    customer_id: str,
    *,
    changes: Iterable[CartChange] = (),
    max_items: int = 0,
    only_if_checked: bool = False,
    other: StoredCart | None = None,
    other_is_saved: bool = False,
) -> CartStep:
    """Merges `other` (what another store has) into the cart, applies the changes, returns the whole cart.

    `other_is_saved` says that `other` is what the relational database has. Raises CartCacheUnavailable.
    """
    request = {
        "customer_id": customer_id,
        "now_ms": now_ms(),
        "changes": [asdict(change) for change in changes],
        "max_items": max_items,
        "max_removed": MAX_REMOVED,
        "only_if_checked": only_if_checked,
        "other_is_saved": other_is_saved,
        "seconds_kept": int(KEPT_UNREAD.total_seconds()),
    }
    if other is not None:
        request["other"] = _as_request(other)
    answer = _run(customer_id, json.dumps(request))
    outcome: Outcome = _text(answer[0])  # type: ignore[assignment]
    if outcome == "unchecked":
        return CartStep(outcome, StoredCart(0, 0, {}))
    texts = [_text(item) for item in answer[3]]
    try:
        entries = {name: decode_entry(name, value) for name, value in zip(texts[::2], texts[1::2], strict=True)}
    except ValueError as error:
        raise CartUnreadable(customer_id) from error
    return CartStep(outcome, StoredCart(int(answer[1]), int(answer[2]), entries))


def unsaved_customer_ids(*, older_than_ms: int, limit: int) -> list[str]:
    """Customers whose cart has waited for the database since before this Unix time. Raises CartCacheUnavailable."""
    try:
        found: Any = redis_client().zrangebyscore(UNSAVED_KEY, "-inf", older_than_ms, start=0, num=limit)
    except _UNAVAILABLE as error:
        raise CartCacheUnavailable from error
    return [_text(item) for item in found]


def postpone_unsaved(customer_id: str, until_ms: int) -> None:
    """The cart was sent just now: look at it again only later. Raises CartCacheUnavailable."""
    try:
        redis_client().zadd(UNSAVED_KEY, {customer_id: until_ms}, xx=True)
    except _UNAVAILABLE as error:
        raise CartCacheUnavailable from error


def now_ms() -> int:
    return int(clock.now().timestamp() * 1000)


_UNAVAILABLE = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
)


def _run(customer_id: str, request: str) -> list[Any]:
    try:
        script = redis_client().register_script(_script_text())
        answer: list[Any] = script(keys=[f"cart:{customer_id}", UNSAVED_KEY], args=[request])
    except _UNAVAILABLE as error:
        raise CartCacheUnavailable from error
    except exceptions.ResponseError as error:
        raise CartUnreadable(customer_id) from error
    return answer


def _as_request(cart: StoredCart) -> dict[str, Any]:
    return {
        "version": cart.version,
        "updated_at_ms": cart.updated_at_ms,
        "entries": [[entry.product_id, entry.encode()] for entry in cart.entries.values()],
    }


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
