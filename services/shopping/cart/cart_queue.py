"""Carts on their way to the worker, who saves them: many at once go in one message.

Whoever changes a cart waits until it is in the queue. A message costs about the same for one cart as for ten: here,
in the queue and in the worker. So the next message fills while one is being sent and for MIN_INTERVAL_SECONDS after
it, or until it is full. A single change is sent without waiting.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from threading import Event, Lock
from typing import Any

from libs.chassis import skipped_items
from libs.chassis.messaging import QueueUnavailable, send_to_queue
from services.shopping.cart.rules import StoredCart, decode_entries, merge

CART_QUEUE = "cart"
# A cart of the greatest size is 14 kB in a message, and SQS takes 256 KiB of base64.
MAX_CARTS_PER_MESSAGE = 10
MIN_INTERVAL_SECONDS = 0.025
QUEUE_RETRY_SECONDS = 5.0
MAX_WAIT_SECONDS = 10.0  # for somebody else's message, which takes SEND_SECONDS at most when its turn has come


class _Message:
    """Carts by their customer. `sent` is done when the queue has them, or says why not; a full one goes at once."""

    def __init__(self) -> None:
        self.carts: dict[str, StoredCart] = {}
        self.is_full = Event()
        self.sent: Future[None] = Future()

    def has_room_for(self, customer_id: str) -> bool:
        return customer_id in self.carts or len(self.carts) < MAX_CARTS_PER_MESSAGE

    def add(self, customer_id: str, cart: StoredCart) -> None:
        known = self.carts.get(customer_id)
        self.carts[customer_id] = merge(known, cart) if known else cart
        if len(self.carts) == MAX_CARTS_PER_MESSAGE:
            self.is_full.set()


_filling: _Message | None = None
_filling_lock = Lock()
_sending_lock = Lock()
_sent_at = float("-inf")
# Trying a queue that is away takes long; nobody who fills a cart should wait for it each time.
_queue_away_until = float("-inf")


def send_cart(customer_id: str, cart: StoredCart) -> None:
    """Returns when the queue has the cart. Raises QueueUnavailable, at once for some seconds after a failed try."""
    message, is_first = _join_message(customer_id, cart)
    if is_first:
        _send_when_it_is_its_turn(message)
    try:
        message.sent.result(MAX_WAIT_SECONDS)
    except TimeoutError:
        raise QueueUnavailable("the cart is sent later") from None


def carts_of(message: dict[str, Any]) -> dict[str, StoredCart]:
    """The carts of a message by their customers; releases before this one sent one cart a message."""
    return dict(
        skipped_items.read_valid(
            message.get("carts", [message]),
            lambda cart: (
                cart["customer_id"],
                StoredCart(cart["version"], cart["updated_at_ms"], decode_entries(cart["entries"])),
            ),
            kind="cart",
            id_of=lambda cart: cart.get("customer_id"),
        )
    )


def _join_message(customer_id: str, cart: StoredCart) -> tuple[_Message, bool]:
    """The message that takes this cart along; whoever is its first sends it."""
    global _filling
    with _filling_lock:
        is_first = _filling is None or not _filling.has_room_for(customer_id)
        message = _Message() if is_first or _filling is None else _filling
        message.add(customer_id, cart)
        _filling = message
        return message, is_first


def _close(message: _Message) -> None:
    """From now on changes go into another message."""
    global _filling
    with _filling_lock:
        if _filling is message:
            _filling = None


def _send_when_it_is_its_turn(message: _Message) -> None:
    try:
        with _sending_lock:
            message.is_full.wait(max(0.0, _sent_at + MIN_INTERVAL_SECONDS - time.monotonic()))
            _close(message)
            _send_if_queue_answers([_as_json(*pair) for pair in message.carts.items()])
    except BaseException as error:
        _close(message)
        message.sent.set_exception(error)
    else:
        message.sent.set_result(None)


def _send_if_queue_answers(carts: list[dict[str, Any]]) -> None:
    global _queue_away_until, _sent_at
    if time.monotonic() < _queue_away_until:
        raise QueueUnavailable("the carts are sent later")
    try:
        send_to_queue(CART_QUEUE, {"carts": carts})
    except QueueUnavailable:
        _queue_away_until = time.monotonic() + QUEUE_RETRY_SECONDS
        raise
    finally:
        _sent_at = time.monotonic()


def _as_json(customer_id: str, cart: StoredCart) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "version": cart.version,
        "updated_at_ms": cart.updated_at_ms,
        "entries": [[entry.product_id, entry.encode()] for entry in cart.entries.values()],
    }
