"""Reads and changes carts in ElastiCache, with the relational database behind it.

An acknowledged change is always in two stores, or in the durable one:
- normally in ElastiCache and in a message to the worker, who saves it in the database;
- queue unavailable: in ElastiCache, and saved in the database immediately; marked unsaved if that is down too;
- database unavailable: as normally; the message waits, and the cart stays marked until it is saved;
- ElastiCache unavailable: in the database; a job copies it to ElastiCache afterwards;
- ElastiCache lost or restarted: each cart is compared with the database before its copy is used again.
Copies are merged entry by entry (rules.py), so none of these can undo a change in another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from libs.chassis import db, jobs
from libs.chassis.logs import get_logger
from libs.chassis.messaging import QueueUnavailable
from libs.chassis.runtime import per_process
from libs.chassis.system_settings import setting
from services.shopping.cart import cart_cache, cart_rows
from services.shopping.cart.cart_cache import CartCacheUnavailable, CartNotCompared, CartUnreadable
from services.shopping.cart.cart_queue import cart_queue, decode_message
from services.shopping.cart.rules import CartChange, StoredCart

# A cart that is unsaved for longer than a message usually takes is sent again.
RESEND_AFTER_MS = 10_000
BATCH_SIZE = 100


@per_process
def changed_without_cache() -> set[str]:
    """Carts that this process changed in the database while ElastiCache did not respond.

    If ElastiCache was only cut off, its copy still counts as compared, but lacks these changes.
    """
    return set()


def apply_changes(customer_id: str, changes: Sequence[CartChange] = ()) -> StoredCart:
    """The cart after these changes (without changes: the cart as it is). Raises CartIsFull."""
    try:
        return _apply_in_cache(customer_id, changes)
    except CartCacheUnavailable as error:
        get_logger(__name__).warning("cart cache unavailable", reason=type(error.__cause__).__name__)
        return _apply_in_database(customer_id, changes)


def _apply_in_cache(customer_id: str, changes: Sequence[CartChange]) -> StoredCart:
    max_items = setting("shopping.cart_max_items")
    try:
        if customer_id in changed_without_cache():
            raise CartNotCompared(customer_id)
        cart, is_changed = cart_cache.change_cart(customer_id, changes, max_items=max_items, must_be_compared=True)
    except CartNotCompared:
        is_compared = _compare_with_database(customer_id)
        cart, is_changed = cart_cache.change_cart(
            customer_id, changes, max_items=max_items, must_be_compared=is_compared
        )
    if is_changed:
        _send_or_save(customer_id, cart)
    return cart


def _compare_with_database(customer_id: str) -> bool:
    """False while the database is unavailable: the copy in ElastiCache is then used as it is."""
    saved = _try_database("cart not compared", lambda: cart_rows.load_cart(customer_id))
    if saved is None:
        return False
    cart_cache.merge_saved(customer_id, saved)
    changed_without_cache().discard(customer_id)
    return True


def _apply_in_database(customer_id: str, changes: Sequence[CartChange]) -> StoredCart:
    if not changes:
        return cart_rows.load_cart(customer_id)
    max_items = setting("shopping.cart_max_items")
    cart = cart_rows.change_cart(customer_id, changes, now_ms=cart_cache.get_now_ms(), max_items=max_items)
    changed_without_cache().add(customer_id)
    return cart


def _send_or_save(customer_id: str, cart: StoredCart) -> bool:
    """Send the cart to the worker or, without the queue, save it here; False when neither is available."""
    try:
        cart_queue().send(customer_id, cart)
    except QueueUnavailable:
        saved = _try_database("cart stays unsaved", lambda: cart_rows.merge_cart(customer_id, cart))
        if saved is None:
            return False
        _merge_into_cache_after_commit({customer_id: saved})
    return True


def _try_database(failure: str, access: Callable[[], StoredCart]) -> StoredCart | None:
    """What `access` returns; None, after a warning, while the database is unavailable."""
    try:
        with db.session().begin_nested():
            return access()
    except SQLAlchemyError as error:
        if not db.is_disconnect(error):
            raise
        get_logger(__name__).warning(failure, reason=type(error).__name__)
        return None


def save_carts(message: dict[str, Any]) -> None:
    """Save the carts of a message, then merge what is saved into ElastiCache."""
    # In the order of the customers, so that two workers with the same carts lock them in the same order.
    carts = sorted(decode_message(message).items())
    saved = {customer_id: cart_rows.merge_cart(customer_id, cart) for customer_id, cart in carts}
    _merge_into_cache_after_commit(saved)


def resend_unsaved_carts() -> None:
    """Send the carts again whose latest version was not saved for a while."""
    try:
        now_ms = cart_cache.get_now_ms()
        for customer_id in cart_cache.list_unsaved(since_before_ms=now_ms - RESEND_AFTER_MS, limit=BATCH_SIZE):
            if _resend(customer_id):
                cart_cache.postpone_unsaved(customer_id, now_ms + RESEND_AFTER_MS)
    except CartCacheUnavailable as error:
        get_logger(__name__).warning("unsaved carts wait", reason=type(error).__name__)


def _resend(customer_id: str) -> bool:
    """False when the cart is still unsaved and should be tried again in the next run."""
    try:
        return _send_or_save(customer_id, cart_cache.get_copy(customer_id))
    except CartUnreadable as error:
        jobs.report_failure("carts", customer_id, error)
        return True


def update_cache(carts: Mapping[str, StoredCart]) -> None:
    """Merge carts that were changed in the database alone into ElastiCache, once it responds again."""
    for customer_id, saved in carts.items():
        if _merge_into_cache(customer_id, saved):
            cart_rows.mark_cache_updated(customer_id, saved.version)


def _merge_into_cache_after_commit(carts: Mapping[str, StoredCart]) -> None:
    def merge() -> None:
        for customer_id, saved in carts.items():
            _merge_into_cache(customer_id, saved)

    db.after_commit(merge)


def _merge_into_cache(customer_id: str, saved: StoredCart) -> bool:
    """False when ElastiCache is unavailable or has a broken copy: the cart stays marked as unsaved there."""
    try:
        cart_cache.merge_saved(customer_id, saved)
    except CartUnreadable as error:
        jobs.report_failure("carts", customer_id, error)
        return False
    except CartCacheUnavailable:
        get_logger(__name__).info("saved cart not merged into the cache", reason="cache unavailable")
        return False
    return True
