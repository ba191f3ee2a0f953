"""Carts on their way to the worker: many changes at once need few messages, and each waits for its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from libs.chassis.messaging import QueueUnavailable
from services.shopping.cart import cart_queue
from services.shopping.cart.rules import CartEntry, StoredCart

pytestmark = pytest.mark.story("b-pr-02")


class SlowQueue:
    """Takes a message only when it is let; `sent` are the carts of each."""

    def __init__(self) -> None:
        self.sent: list[dict[str, StoredCart]] = []
        self.is_away = False
        self.asked = threading.Semaphore(0)
        self.may_go = threading.Semaphore(0)

    def send(self, queue: str, message: dict[str, Any]) -> None:
        assert queue == "cart"
        self.asked.release()
        assert self.may_go.acquire(timeout=10)
        if self.is_away:
            raise QueueUnavailable
        self.sent.append(cart_queue.carts_of(message))


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> SlowQueue:
    slow = SlowQueue()
    monkeypatch.setattr(cart_queue, "send_to_queue", slow.send)
    monkeypatch.setattr(cart_queue, "_queue_away_until", float("-inf"))
    return slow


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as pool:
        yield pool


def cart_with(product_id: str, version: int = 1) -> StoredCart:
    return StoredCart(version, version, {product_id: CartEntry(product_id, version, True, version, 100, "EUR")})


def has_joined(customer_id: str) -> bool:
    filling = cart_queue._filling
    return filling is not None and customer_id in filling.carts


def wait_until_joined(*customer_ids: str) -> None:
    while not all(has_joined(customer_id) for customer_id in customer_ids):
        threading.Event().wait(0.001)


def test_what_comes_while_a_message_is_sent_goes_in_the_next_one(
    queue: SlowQueue, threads: ThreadPoolExecutor
) -> None:
    first = threads.submit(cart_queue.send_cart, "usr_first", cart_with("prd_1"))
    queue.asked.acquire()
    others = [threads.submit(cart_queue.send_cart, f"usr_{n}", cart_with(f"prd_{n}")) for n in range(5)]
    wait_until_joined(*(f"usr_{n}" for n in range(5)))
    queue.may_go.release()
    first.result(10)
    queue.asked.acquire()
    assert not any(one.done() for one in others), "told before the queue has it"
    queue.may_go.release()
    for one in others:
        one.result(10)
    assert [sorted(carts) for carts in queue.sent] == [["usr_first"], [f"usr_{n}" for n in range(5)]]
    assert queue.sent[1]["usr_3"] == cart_with("prd_3")


def test_two_changes_of_one_cart_are_one_cart_with_both(queue: SlowQueue, threads: ThreadPoolExecutor) -> None:
    first = threads.submit(cart_queue.send_cart, "usr_first", cart_with("prd_1"))
    queue.asked.acquire()
    twice = [threads.submit(cart_queue.send_cart, "usr_a", cart_with(f"prd_{n}", n)) for n in (1, 2)]
    while not (has_joined("usr_a") and len(cart_queue._filling.carts["usr_a"].entries) == 2):  # type: ignore[union-attr]
        threading.Event().wait(0.001)
    queue.may_go.release(2)
    for one in [first, *twice]:
        one.result(10)
    assert set(queue.sent[1]["usr_a"].entries) == {"prd_1", "prd_2"}


def test_a_message_takes_so_many_carts_only(queue: SlowQueue, threads: ThreadPoolExecutor) -> None:
    queue.may_go.release(100)
    number = 3 * cart_queue.MAX_CARTS_PER_MESSAGE
    for one in [threads.submit(cart_queue.send_cart, f"usr_{n}", cart_with("prd_1")) for n in range(number)]:
        one.result(10)
    assert max(len(carts) for carts in queue.sent) <= cart_queue.MAX_CARTS_PER_MESSAGE
    assert sum(len(carts) for carts in queue.sent) == number


def test_a_full_message_does_not_wait_for_its_time(
    queue: SlowQueue, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cart_queue, "MIN_INTERVAL_SECONDS", 60.0)
    queue.may_go.release(100)
    monkeypatch.setattr(cart_queue, "_sent_at", cart_queue.time.monotonic())
    names = [f"usr_{n}" for n in range(cart_queue.MAX_CARTS_PER_MESSAGE)]
    *first, last = names
    waiting = [threads.submit(cart_queue.send_cart, name, cart_with("prd_1")) for name in first]
    wait_until_joined(*first)
    assert not any(one.done() for one in waiting), "it may still fill"
    cart_queue.send_cart(last, cart_with("prd_1"))
    for one in waiting:
        one.result(10)
    assert [len(carts) for carts in queue.sent] == [cart_queue.MAX_CARTS_PER_MESSAGE]


def test_all_of_a_message_are_told_that_the_queue_is_away_and_it_is_left_alone(
    queue: SlowQueue, threads: ThreadPoolExecutor
) -> None:
    queue.is_away = True
    first = threads.submit(cart_queue.send_cart, "usr_first", cart_with("prd_1"))
    queue.asked.acquire()
    others = [threads.submit(cart_queue.send_cart, f"usr_{n}", cart_with("prd_1")) for n in range(3)]
    wait_until_joined("usr_0", "usr_1", "usr_2")
    queue.may_go.release()
    for one in [first, *others]:
        with pytest.raises(QueueUnavailable):
            one.result(10)
    assert not queue.asked.acquire(blocking=False), "nobody waits for it a second time"


def test_a_sender_that_fails_lets_nobody_wait_for_it(queue: SlowQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_cart: object) -> None:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(cart_queue, "_as_json", fail)
        with pytest.raises(MemoryError):
            cart_queue.send_cart("usr_a", cart_with("prd_1"))
    queue.may_go.release()
    cart_queue.send_cart("usr_b", cart_with("prd_2"))
    assert [sorted(carts) for carts in queue.sent] == [["usr_b"]]


def test_nobody_waits_longer_for_a_message_than_a_moment(
    queue: SlowQueue, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = threads.submit(cart_queue.send_cart, "usr_first", cart_with("prd_1"))
    queue.asked.acquire()
    leader = threads.submit(cart_queue.send_cart, "usr_a", cart_with("prd_1"))
    wait_until_joined("usr_a")
    monkeypatch.setattr(cart_queue, "MAX_WAIT_SECONDS", 0.01)
    with pytest.raises(QueueUnavailable):
        cart_queue.send_cart("usr_b", cart_with("prd_1"))
    queue.may_go.release(2)
    first.result(10)
    leader.result(10)


def test_a_message_of_an_older_release_is_one_cart() -> None:
    entries = [["prd_1", "5|1|5|100|EUR"]]
    old = {"customer_id": "usr_a", "version": 3, "updated_at_ms": 5, "entries": entries}
    assert cart_queue.carts_of(old) == {
        "usr_a": StoredCart(3, 5, {"prd_1": CartEntry("prd_1", 5, True, 5, 100, "EUR")})
    }
