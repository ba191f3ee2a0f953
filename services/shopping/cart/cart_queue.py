"""The queue by which changed carts reach the worker, who saves them.

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
from libs.chassis.runtime import per_process
from services.shopping.cart.rules import StoredCart, merge

CART_QUEUE = "cart"
# A cart of the maximum size is 14 kB in a message, and SQS takes 256 KiB of base64.
MAX_CARTS_PER_MESSAGE = 10
MIN_INTERVAL_SECONDS = 0.025
QUEUE_RETRY_SECONDS = 5.0  # trying an unavailable queue takes long, and not every change of a cart should wait
MAX_WAIT_SECONDS = 10.0  # for the message of another thread, which takes SEND_SECONDS at most once it is its turn


class _Message:
    """Carts by customer. `sent` has the result of sending them."""

    def __init__(self) -> None:
        self.carts: dict[str, StoredCart] = {}
        self.is_full = Event()
        self.sent: Future[None] = Future()

    def has_room_for(self, customer_id: str) -> bool:
        return customer_id in self.carts or len(self.carts) < MAX_CARTS_PER_MESSAGE

    def add(self, customer_id: str, cart: StoredCart) -> None:
        existing = self.carts.get(customer_id)
        self.carts[customer_id] = merge(existing, cart) if existing else cart
        if len(self.carts) == MAX_CARTS_PER_MESSAGE:
            self.is_full.set()


class CartQueue:
    def __init__(self) -> None:
        self.filling: _Message | None = None
        self._filling_lock = Lock()
        self._sending_lock = Lock()
        self._sent_at = self._retry_at = float("-inf")

    def send(self, customer_id: str, cart: StoredCart) -> None:
        """Return once the queue has the cart.

        Raises QueueUnavailable; for QUEUE_RETRY_SECONDS after a failure without trying.
        """
        message, is_first = self._join(customer_id, cart)
        if is_first:
            self._send_in_turn(message)
        try:
            message.sent.result(MAX_WAIT_SECONDS)
        except TimeoutError:
            raise QueueUnavailable("the cart is sent later") from None

    def _join(self, customer_id: str, cart: StoredCart) -> tuple[_Message, bool]:
        """The message that takes the cart, and whether it is new: the first to join a message sends it."""
        with self._filling_lock:
            is_first = self.filling is None or not self.filling.has_room_for(customer_id)
            message = _Message() if is_first or self.filling is None else self.filling
            message.add(customer_id, cart)
            self.filling = message
            return message, is_first

    def _close(self, message: _Message) -> None:
        with self._filling_lock:
            if self.filling is message:
                self.filling = None

    def _send_in_turn(self, message: _Message) -> None:
        try:
            with self._sending_lock:
                message.is_full.wait(max(0.0, self._sent_at + MIN_INTERVAL_SECONDS - time.monotonic()))
                self._close(message)
                self._send(encode_message(message.carts))
        except BaseException as error:
            self._close(message)
            message.sent.set_exception(error)
        else:
            message.sent.set_result(None)

    def _send(self, message: dict[str, Any]) -> None:
        if time.monotonic() < self._retry_at:
            raise QueueUnavailable("the carts are sent later")
        try:
            send_to_queue(CART_QUEUE, message)
        except QueueUnavailable:
            self._retry_at = time.monotonic() + QUEUE_RETRY_SECONDS
            raise
        finally:
            self._sent_at = time.monotonic()


@per_process
def cart_queue() -> CartQueue:
    return CartQueue()


def encode_message(carts: dict[str, StoredCart]) -> dict[str, Any]:
    return {"carts": [{"customer_id": customer_id, **cart.to_document()} for customer_id, cart in carts.items()]}


def decode_message(message: dict[str, Any]) -> dict[str, StoredCart]:
    """The carts of a message by customer, without those that cannot be read."""
    return dict(
        skipped_items.read_valid(
            message["carts"],
            lambda cart: (cart["customer_id"], StoredCart.from_document(cart)),
            kind="cart",
            id_of=lambda cart: cart.get("customer_id"),
        )
    )
