"""Which store answers for a cart: ElastiCache, with the relational database behind it (architecture, "Cart").

An acknowledged change is always in two places, or in the one that lasts:
- normally in ElastiCache and in a message to the worker, who saves it in the database;
- queue down: in ElastiCache, and saved in the database right away; marked unsaved if that is down too;
- database down: as normally; the message waits, and the mark stays until the cart is seen saved;
- ElastiCache down: in the database, which answers then; `update_cache` brings it to ElastiCache afterwards;
- ElastiCache lost or restarted: each cart is compared with the database before it counts again.
Copies are merged entry by entry (cart_entries.py), so none of these can undo a change of another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from libs.chassis import db, jobs
from libs.chassis.logs import get_logger
from libs.chassis.messaging import QueueUnavailable
from libs.chassis.system_settings import setting
from services.shopping.cart import cart_cache, cart_queue, cart_rows
from services.shopping.cart.cart_cache import CartCacheUnavailable, CartStep, CartUnreadable
from services.shopping.cart.rules import CartChange, CartIsFull, StoredCart

# A message needs a moment to become a row; what is still unsaved after this is sent (again).
UNSAVED_IS_LATE_AFTER_MS = 10_000
SENT_AGAIN_AFTER_MS = 10_000
BATCH_SIZE = 100

# Carts this process changed in the database while ElastiCache did not answer: if it was only cut off, its
# copy looks valid to it, so it is compared again before this process uses it.
_changed_without_cache: set[str] = set()
_lock = Lock()


def apply_changes(customer_id: str, changes: Sequence[CartChange] = ()) -> StoredCart:
    """The cart after these changes (none: the cart as it is). Raises CartIsFull."""
    try:
        return _apply_in_cache(customer_id, changes)
    except CartCacheUnavailable as away:
        get_logger(__name__).warning("cart cache away", reason=type(away.__cause__).__name__)
        return _apply_in_database(customer_id, changes)


def save_carts(message: dict[str, Any]) -> None:
    """Saves carts that came by the queue, then lets ElastiCache know what is saved."""
    # In the order of the customers, so that two workers with the same carts wait for each other in one order.
    saved = {
        customer_id: cart_rows.merge_cart(customer_id, sent)
        for customer_id, sent in sorted(cart_queue.carts_of(message).items())
    }
    db.after_commit(lambda: _tell_saved(saved))


def resend_unsaved_carts() -> None:
    """Sends the carts again whose latest version was not seen in the database for a while."""
    try:
        now_ms = cart_cache.now_ms()
        late = cart_cache.unsaved_customer_ids(older_than_ms=now_ms - UNSAVED_IS_LATE_AFTER_MS, limit=BATCH_SIZE)
        for customer_id in late:
            if _send_again(customer_id):
                cart_cache.postpone_unsaved(customer_id, now_ms + SENT_AGAIN_AFTER_MS)
    except CartCacheUnavailable as away:
        get_logger(__name__).warning("unsaved carts wait", reason=type(away).__name__)


def _send_again(customer_id: str) -> bool:
    """Whether the cart is dealt with for now: sent, saved, or not to be read at all."""
    try:
        return _send_or_save(customer_id, cart_cache.take_step(customer_id).cart)
    except CartUnreadable as error:
        jobs.report_failure("carts", customer_id, error)
        return True


def update_cache() -> None:
    """Brings the carts that were changed in the database alone to ElastiCache, once it answers again."""
    with db.unit_of_work(reads_only=True):
        customer_ids = cart_rows.list_customers_with_cache_behind(BATCH_SIZE)
        behind = {customer_id: cart_rows.load_cart(customer_id) for customer_id in customer_ids}
    for customer_id, saved in behind.items():
        try:
            cart_cache.take_step(customer_id, other=saved, other_is_saved=True)
        except CartUnreadable as error:
            jobs.report_failure("carts", customer_id, error)
            continue
        except CartCacheUnavailable:
            return
        cart_rows.mark_cache_updated(customer_id, saved.version)


def _apply_in_cache(customer_id: str, changes: Sequence[CartChange]) -> StoredCart:
    max_items = setting("shopping.cart_max_items")
    step = CartStep("unchecked", StoredCart(0, 0, {}))
    if customer_id not in _changed_without_cache:
        step = cart_cache.take_step(customer_id, changes=changes, max_items=max_items, only_if_checked=True)
    if step.outcome == "unchecked":
        step = _apply_after_check(customer_id, changes, max_items)
    if step.outcome == "full":
        raise CartIsFull
    if step.outcome == "changed":
        _send_or_save(customer_id, step.cart)
    return step.cart


def _apply_after_check(customer_id: str, changes: Sequence[CartChange], max_items: int) -> CartStep:
    try:
        with db.unit_of_work(reads_only=True):
            saved = cart_rows.load_cart(customer_id)
    except SQLAlchemyError as error:
        if not db.is_disconnect(error):
            raise
        # Both copies cannot be compared now. What ElastiCache has is shown, and the cart stays unchecked.
        get_logger(__name__).warning("cart not compared, database away", reason=type(error).__name__)
        return cart_cache.take_step(customer_id, changes=changes, max_items=max_items)
    step = cart_cache.take_step(customer_id, changes=changes, max_items=max_items, other=saved, other_is_saved=True)
    with _lock:
        _changed_without_cache.discard(customer_id)
    return step


def _apply_in_database(customer_id: str, changes: Sequence[CartChange]) -> StoredCart:
    if not changes:
        return cart_rows.load_cart(customer_id)
    cart = cart_rows.change_cart(
        customer_id, changes, now_ms=cart_cache.now_ms(), max_items=setting("shopping.cart_max_items")
    )
    with _lock:
        _changed_without_cache.add(customer_id)
    return cart


def _send_or_save(customer_id: str, cart: StoredCart) -> bool:
    """Sends the cart to the worker or, without the queue, saves it here; False without both: it stays unsaved."""
    try:
        cart_queue.send_cart(customer_id, cart)
    except QueueUnavailable:
        try:
            with db.session().begin_nested():
                saved = cart_rows.merge_cart(customer_id, cart)
        except SQLAlchemyError as error:
            if not db.is_disconnect(error):
                raise
            get_logger(__name__).warning("cart stays unsaved", reason=type(error).__name__)
            return False
        db.after_commit(lambda: _tell_saved({customer_id: saved}))
    return True


def _tell_saved(saved: Mapping[str, StoredCart]) -> None:
    for customer_id, cart in saved.items():
        try:
            cart_cache.take_step(customer_id, other=cart, other_is_saved=True)
        except CartUnreadable as error:
            jobs.report_failure("carts", customer_id, error)
        except CartCacheUnavailable:
            # They stay marked unsaved there, and are compared when ElastiCache is back.
            get_logger(__name__).info("carts saved while their cache is unavailable")
            return
