"""Concurrent changes of carts share messages to the worker, and each waits until its message is sent (b-pr-02)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from libs.chassis.messaging import QueueUnavailable
from services.shopping.cart import cart_queue
from services.shopping.cart.cart_queue import MAX_CARTS_PER_MESSAGE, CartQueue, decode_message
from services.shopping.cart.rules import CartEntry, StoredCart

pytestmark = pytest.mark.story("b-pr-02")


class SlowQueue:
    """An SQS queue that accepts a message for each `release`; `messages` are the carts of each."""

    def __init__(self) -> None:
        self.messages: list[dict[str, StoredCart]] = []
        self.is_unavailable = False
        self.called = threading.Semaphore(0)
        self._released = threading.Semaphore(0)

    def release(self, count: int = 1) -> None:
        self._released.release(count)

    def send(self, queue: str, message: dict[str, Any]) -> None:
        assert queue == "cart"
        self.called.release()
        assert self._released.acquire(timeout=10)
        if self.is_unavailable:
            raise QueueUnavailable
        self.messages.append(decode_message(message))


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> SlowQueue:
    slow = SlowQueue()
    monkeypatch.setattr(cart_queue, "send_to_queue", slow.send)
    return slow


@pytest.fixture
def queue() -> CartQueue:
    return CartQueue()


@pytest.fixture
def send(queue: CartQueue) -> Iterator[Callable[..., Future[None]]]:
    """Sends a cart in a thread of its own."""
    with ThreadPoolExecutor(40) as threads:

        def run(customer_id: str, cart: StoredCart | None = None) -> Future[None]:
            return threads.submit(queue.send, customer_id, cart or cart_with("prd_1"))

        yield run


Send = Callable[..., Future[None]]


def cart_with(product_id: str, version: int = 1) -> StoredCart:
    return StoredCart(version, version, {product_id: CartEntry(product_id, version, True, version, 100, "EUR")})


def wait_until_joined(queue: CartQueue, *customer_ids: str, entries: int = 1) -> None:
    """Wait until the message that fills has these carts."""

    def has_joined(customer_id: str) -> bool:
        cart = queue.filling.carts.get(customer_id) if queue.filling is not None else None
        return cart is not None and len(cart.entries) == entries

    while not all(map(has_joined, customer_ids)):
        time.sleep(0.001)


def test_carts_that_arrive_while_a_message_is_sent_share_the_next_one(
    sqs: SlowQueue, queue: CartQueue, send: Send
) -> None:
    first = send("usr_first")
    sqs.called.acquire()
    others = [send(f"usr_{n}", cart_with(f"prd_{n}")) for n in range(5)]
    wait_until_joined(queue, *(f"usr_{n}" for n in range(5)))
    sqs.release()
    first.result(10)
    sqs.called.acquire()
    assert not any(other.done() for other in others), "acknowledged before the queue has it"
    sqs.release()
    for other in others:
        other.result(10)
    assert [sorted(carts) for carts in sqs.messages] == [["usr_first"], [f"usr_{n}" for n in range(5)]]
    assert sqs.messages[1]["usr_3"] == cart_with("prd_3")


def test_two_changes_of_one_cart_are_merged(sqs: SlowQueue, queue: CartQueue, send: Send) -> None:
    first = send("usr_first")
    sqs.called.acquire()
    changes = [send("usr_a", cart_with(f"prd_{n}", n)) for n in (1, 2)]
    wait_until_joined(queue, "usr_a", entries=2)
    sqs.release(2)
    for sent in [first, *changes]:
        sent.result(10)
    assert set(sqs.messages[1]["usr_a"].entries) == {"prd_1", "prd_2"}


def test_the_number_of_carts_in_a_message_is_limited(sqs: SlowQueue, send: Send) -> None:
    sqs.release(100)
    count = 3 * MAX_CARTS_PER_MESSAGE
    for sent in [send(f"usr_{n}") for n in range(count)]:
        sent.result(10)
    assert max(len(carts) for carts in sqs.messages) <= MAX_CARTS_PER_MESSAGE
    assert sum(len(carts) for carts in sqs.messages) == count


def test_a_full_message_is_sent_without_waiting(
    sqs: SlowQueue, queue: CartQueue, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs.release(100)
    send("usr_first").result(10)
    monkeypatch.setattr(cart_queue, "MIN_INTERVAL_SECONDS", 60.0)
    *others, last = (f"usr_{n}" for n in range(MAX_CARTS_PER_MESSAGE))
    waiting = [send(name) for name in others]
    wait_until_joined(queue, *others)
    assert not any(sent.done() for sent in waiting), "the message is not full yet"
    queue.send(last, cart_with("prd_1"))
    for sent in waiting:
        sent.result(10)
    assert [len(carts) for carts in sqs.messages] == [1, MAX_CARTS_PER_MESSAGE]


def test_an_unavailable_queue_fails_all_carts_of_a_message_and_is_not_tried_again_soon(
    sqs: SlowQueue, queue: CartQueue, send: Send
) -> None:
    sqs.is_unavailable = True
    first = send("usr_first")
    sqs.called.acquire()
    others = [send(f"usr_{n}") for n in range(3)]
    wait_until_joined(queue, "usr_0", "usr_1", "usr_2")
    sqs.release()
    for sent in [first, *others]:
        with pytest.raises(QueueUnavailable):
            sent.result(10)
    assert not sqs.called.acquire(blocking=False), "the queue is not tried a second time"


def test_a_sender_that_fails_does_not_block_others(
    sqs: SlowQueue, queue: CartQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_carts: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(cart_queue, "encode_message", fail)
        with pytest.raises(MemoryError):
            queue.send("usr_a", cart_with("prd_1"))
    sqs.release()
    queue.send("usr_b", cart_with("prd_2"))
    assert [sorted(carts) for carts in sqs.messages] == [["usr_b"]]


def test_the_wait_for_a_message_is_limited(
    sqs: SlowQueue, queue: CartQueue, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = send("usr_first")
    sqs.called.acquire()
    leader = send("usr_a")
    wait_until_joined(queue, "usr_a")
    monkeypatch.setattr(cart_queue, "MAX_WAIT_SECONDS", 0.01)
    with pytest.raises(QueueUnavailable):
        queue.send("usr_b", cart_with("prd_1"))
    sqs.release(2)
    first.result(10)
    leader.result(10)
