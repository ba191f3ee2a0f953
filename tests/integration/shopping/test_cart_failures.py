"""No acknowledged change of a cart is lost when a store is unavailable, lost, outdated or hanging (b-pr-02)."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kombu import Queue
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from libs.chassis import aws, cache, clock, db, kombu_sqs, settings, topology, worker
from services.shopping.cart import cart_queue, cart_rows, cart_store, carts, jobs
from services.shopping.cart.events import save_carts
from services.shopping.cart.rules import MAX_REMOVED, CartChange
from services.shopping.events import registry
from services.shopping.holds import creation, settlement
from services.shopping.products.rules import Product
from services.shopping.settings import ShoppingSettings
from tests.integration.shopping.conftest import id_of, running_shopping
from tests.integration.shopping.servers import CacheServer, Proxy
from tests.support.servers import need, valkey
from tools.local_platform import messaging_resources

Maker = Callable[..., Product]
pytestmark = pytest.mark.story("b-pr-02")
ME = id_of("usr", "me")


@pytest.fixture
def redis(database_url: str, tmp_path: Path) -> Iterator[CacheServer]:
    """A cache server for one test: Valkey with SQLite, Redis with MariaDB."""
    program = valkey() if database_url.startswith("sqlite") else need("redis-server", "redis-server")
    server = CacheServer(program, tmp_path)
    server.start()
    yield server
    server.resume()
    server.kill()


@pytest.fixture
def queue_proxy(aws_endpoint: str) -> Iterator[Proxy]:
    proxy = Proxy(urlsplit(aws_endpoint).port or 0)
    proxy.open()
    yield proxy
    proxy.cut()


@pytest.fixture(autouse=True)
def shop(
    database_url: str, mongo_url: str, redis: CacheServer, queue_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ShoppingSettings]:
    """Shopping with its own cache, which can be killed, and a queue that can be cut off."""
    endpoint = f"http://127.0.0.1:{queue_proxy.port}"
    urls = {"database_url": database_url, "mongo_url": mongo_url, "redis_url": redis.url}
    monkeypatch.setitem(cache._OPTIONS, "socket_timeout", 0.3)  # a hanging cache is tried several times
    with running_shopping(**urls, aws_endpoint=endpoint) as chosen:
        messaging_resources.create_topology(registry)
        yield chosen


@contextmanager
def database_stopped() -> Iterator[None]:
    url = make_url(settings.settings().database_url)
    unreachable = (
        "sqlite:////nowhere/at/all.db"
        if url.get_backend_name() == "sqlite"
        else url.set(port=1).render_as_string(False)
    )
    with settings.overridden(database_url=unreachable):
        yield


@contextmanager
def worker_running() -> Iterator[None]:
    """The worker's consumer of the cart queue."""
    stop = threading.Event()
    name = topology.queue_name("shopping", "cart")
    consumer = worker.QueueConsumer(name, partial(worker.handle_work, save_carts), stop)
    thread = threading.Thread(target=consumer.run, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(10)


def handle_queued_messages() -> None:
    """Handle the messages that are in the cart queue now."""
    name = topology.queue_name("shopping", "cart")
    with kombu_sqs._connection(name, wait_seconds=0) as broker, broker.SimpleQueue(Queue(name)) as queue:
        while True:
            try:
                message = queue.get(timeout=0.1)
            except queue.Empty:
                return
            worker.handle_work(save_carts, message.payload)
            message.ack()


def read_product_ids() -> list[str]:
    with db.unit_of_work(reads_only=True):
        return [item.product_id for item in carts.get_cart(ME).items]


def add(product: Product) -> None:
    with db.unit_of_work():
        carts.add_item(ME, product.id)


def remove(product: Product) -> None:
    with db.unit_of_work():
        carts.remove_item(ME, product.id)


def read_saved_product_ids() -> list[str]:
    with db.unit_of_work(reads_only=True):
        return [entry.product_id for entry in cart_rows.load_cart(ME).present_entries]


@pytest.fixture
def as_another_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Continue as another process, which does not know of the outage."""

    def reset() -> None:
        cart_store.changed_without_cache.use(set())
        cart_queue.cart_queue.use(cart_queue.CartQueue())

    return reset


def run_job(job: Callable[[], None]) -> None:
    with db.unit_of_work():
        job()


def update_cache_and_list_behind() -> list[str]:
    """Run the job, which skips all carts while the circuit of the cache is open."""
    run_job(jobs.update_cart_cache)
    with db.unit_of_work(reads_only=True):
        return list(cart_rows.load_carts_with_cache_behind(10))


def eventually(read: Callable[[], object], expected: object) -> None:
    deadline = time.monotonic() + 15
    while read() != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert read() == expected


def test_the_worker_saves_each_change(published: Maker, redis: CacheServer) -> None:
    coat, hat = published(), published()
    with worker_running():
        add(coat)
        add(hat)
        remove(coat)
        eventually(read_saved_product_ids, [hat.id])
        eventually(lambda: redis.client().zcard("carts:unsaved"), 0)


def test_cache_flushed(published: Maker, redis: CacheServer) -> None:
    coat, hat = published(), published()
    with worker_running():
        add(coat)
        eventually(read_saved_product_ids, [coat.id])
    add(hat)
    redis.flush()
    assert read_product_ids() == [coat.id], "the last change is still in the queue"
    with worker_running():
        eventually(read_product_ids, [coat.id, hat.id])
        remove(coat)
        eventually(read_saved_product_ids, [hat.id])


@pytest.mark.real_servers
def test_cache_stopped_and_back_empty(published: Maker, redis: CacheServer) -> None:
    coat, hat = published(), published()
    with worker_running():
        add(coat)
        eventually(read_saved_product_ids, [coat.id])
        redis.kill()
        assert read_product_ids() == [coat.id]
        add(hat)
        remove(coat)
        assert read_product_ids() == [hat.id]
        redis.start()
        assert read_product_ids() == [hat.id]
        add(coat)
        eventually(read_saved_product_ids, [hat.id, coat.id])


@pytest.mark.real_servers
def test_cache_restored_from_an_outdated_snapshot(
    published: Maker, redis: CacheServer, as_another_process: Callable[[], None]
) -> None:
    coat, hat, scarf = published(), published(), published()
    with worker_running():
        add(coat)
        eventually(read_saved_product_ids, [coat.id])
        redis.take_snapshot()
        add(hat)
        eventually(read_saved_product_ids, [coat.id, hat.id])
        redis.kill()
        remove(coat)
        as_another_process()
        redis.start()
        assert read_product_ids() == [hat.id]
        add(scarf)
        eventually(read_saved_product_ids, [hat.id, scarf.id])


def test_cache_lost_its_last_change_while_the_message_is_in_the_queue(published: Maker, redis: CacheServer) -> None:
    coat, hat, scarf = published(), published(), published()
    with worker_running():
        add(coat)
        eventually(read_saved_product_ids, [coat.id])
    redis.take_snapshot()
    add(hat)
    redis.kill()
    redis.start()
    add(scarf)
    with worker_running():
        eventually(read_product_ids, [coat.id, hat.id, scarf.id])
        eventually(read_saved_product_ids, [coat.id, hat.id, scarf.id])


def test_cache_hanging_for_one_process_only(
    published: Maker, redis: CacheServer, as_another_process: Callable[[], None]
) -> None:
    coat, hat, scarf = published(), published(), published()
    with worker_running():
        add(coat)
        eventually(read_saved_product_ids, [coat.id])
        redis.suspend()
        add(hat)
        remove(coat)
        redis.resume()
        assert read_product_ids() == [hat.id], "this process compares the cart first"
        as_another_process()
        add(scarf)
        run_job(jobs.update_cart_cache)
        assert read_product_ids() == [hat.id, scarf.id]
        eventually(read_saved_product_ids, [hat.id, scarf.id])


def test_the_job_updates_the_cache_with_changes_made_without_it(
    published: Maker, redis: CacheServer, as_another_process: Callable[[], None]
) -> None:
    coat = published()
    read_product_ids()
    redis.suspend()
    add(coat)
    redis.resume()
    as_another_process()
    eventually(update_cache_and_list_behind, [])
    with database_stopped():
        assert read_product_ids() == [coat.id], "only the cache has it now"


def test_the_job_waits_while_the_cache_is_unavailable(published: Maker, redis: CacheServer) -> None:
    redis.kill()
    add(published())
    run_job(jobs.update_cart_cache)
    with db.unit_of_work(reads_only=True):
        assert list(cart_rows.load_carts_with_cache_behind(10)) == [ME]
    redis.start()


def test_queue_stopped(
    published: Maker, redis: CacheServer, queue_proxy: Proxy, as_another_process: Callable[[], None]
) -> None:
    coat, hat = published(), published()
    add(coat)
    queue_proxy.cut()
    add(hat)
    remove(coat)
    assert read_product_ids() == read_saved_product_ids() == [hat.id], "saved without the queue"
    assert redis.client().zcard("carts:unsaved") == 0
    with database_stopped():
        add(coat)
        with clock.freeze(clock.now() + timedelta(seconds=11)):
            run_job(jobs.resend_unsaved_carts)
        assert read_product_ids() == [hat.id, coat.id]
    assert redis.client().zcard("carts:unsaved") == 1, "still to be saved"
    queue_proxy.open()
    as_another_process()
    with worker_running():
        with clock.freeze(clock.now() + timedelta(seconds=11)):
            run_job(jobs.resend_unsaved_carts)
        eventually(read_saved_product_ids, [hat.id, coat.id])
        eventually(lambda: redis.client().zcard("carts:unsaved"), 0)


def test_queue_stopped_and_then_the_cache_hanging(
    published: Maker, redis: CacheServer, queue_proxy: Proxy, as_another_process: Callable[[], None]
) -> None:
    coat, hat, scarf = published(), published(), published()
    queue_proxy.cut()
    add(coat)
    add(hat)
    redis.suspend()
    add(scarf)
    remove(coat)
    assert read_product_ids() == [hat.id, scarf.id]
    redis.resume()
    as_another_process()
    run_job(jobs.update_cart_cache)
    assert read_product_ids() == [hat.id, scarf.id]


def test_a_later_change_on_a_stale_copy_wins(published: Maker, redis: CacheServer, queue_proxy: Proxy) -> None:
    coat, hat = published(), published()
    with worker_running():
        add(coat)
        eventually(read_saved_product_ids, [coat.id])
    remove(coat)
    add(hat)
    redis.suspend()
    add(coat)
    remove(hat)
    assert read_product_ids() == [coat.id], "the database has neither of the changes before"
    redis.resume()
    run_job(jobs.update_cart_cache)
    assert read_product_ids() == [coat.id]


@pytest.mark.parametrize(
    "broken_cart", ["no JSON", '{"version": 1, "updated_at_ms": 1, "entries": [["prd_1", "x"]]}']
)
def test_a_broken_cart_is_served_from_the_database_and_does_not_block_others(
    published: Maker, redis: CacheServer, broken_cart: str
) -> None:
    coat = published()
    other = id_of("usr", "other")
    with worker_running():
        add(coat)
        eventually(read_saved_product_ids, [coat.id])
    redis.client().hset(f"cart:{ME}", "cart", broken_cart)
    with db.unit_of_work():
        carts.add_item(other, coat.id)
    redis.client().zadd("carts:unsaved", {ME: 1})
    with clock.freeze(clock.now() + timedelta(seconds=11)):
        run_job(jobs.resend_unsaved_carts)
        run_job(jobs.update_cart_cache)
    message = {"carts": [{"customer_id": ME}, _message_of(other, coat)]}
    with db.unit_of_work():
        cart_store.save_carts(message)
    with db.unit_of_work(reads_only=True):
        assert [entry.product_id for entry in cart_rows.load_cart(other).present_entries] == [coat.id]
    assert read_product_ids() == [coat.id]


def _message_of(customer_id: str, product: Product) -> dict[str, object]:
    entries = [[product.id, 1, True, 1, 4900, "EUR"], [id_of("prd", "x"), "broken"]]
    return {"customer_id": customer_id, "version": 1, "updated_at_ms": 1, "entries": entries}


def test_a_lost_message_is_sent_again(published: Maker, redis: CacheServer) -> None:
    coat = published()
    add(coat)
    url = topology.queue_url(topology.queue_name("shopping", "cart"))
    aws.client("sqs").purge_queue(QueueUrl=url)
    with worker_running():
        run_job(jobs.resend_unsaved_carts)
        assert read_saved_product_ids() == [], "the cart is not overdue yet"
        with clock.freeze(clock.now() + timedelta(seconds=11)):
            run_job(jobs.resend_unsaved_carts)
        eventually(read_saved_product_ids, [coat.id])


def test_database_stopped(published: Maker, redis: CacheServer) -> None:
    coat, hat = published(), published()
    add(coat)
    with database_stopped():
        add(hat)
        remove(coat)
        assert read_product_ids() == [hat.id]
        with pytest.raises(OperationalError), db.unit_of_work():
            cart_store.save_carts({"carts": [{"customer_id": ME, "version": 1, "updated_at_ms": 1, "entries": []}]})
    with worker_running():
        eventually(read_saved_product_ids, [hat.id])


def test_database_stopped_for_a_cart_that_is_not_cached(published: Maker, redis: CacheServer) -> None:
    coat, hat = published(), published()
    with worker_running():
        add(coat)
        eventually(read_saved_product_ids, [coat.id])
    redis.flush()
    with database_stopped():
        add(hat)
        assert read_product_ids() == [hat.id], "the cart shows what the cache has"
    assert read_product_ids() == [coat.id, hat.id]
    with worker_running():
        eventually(read_saved_product_ids, [coat.id, hat.id])


@pytest.mark.real_servers
@pytest.mark.parametrize("seed", range(1))
def test_random_changes_through_random_single_failures(
    published: Maker, redis: CacheServer, queue_proxy: Proxy, seed: int, as_another_process: Callable[[], None]
) -> None:
    chance = random.Random(seed)
    products = [published() for _ in range(6)]
    expected: set[str] = set()

    def change_some() -> None:
        """Some changes after an order, whose event is handled at the end."""
        added = set()
        for _ in range(chance.randint(1, 4)):
            product = chance.choice(products)
            if product.id in expected and chance.random() < 0.7:
                remove(product)
                expected.discard(product.id)
            else:
                add(product)
                added |= {product.id} - expected
                expected.add(product.id)
        with db.unit_of_work():
            carts.remove_ordered(ME, order_id, [ordered.id], placed_at)
        expected.difference_update({ordered.id} - added)

    for number in range(6):
        ordered, order_id = chance.choice(products), id_of("bor", str(number))
        with db.unit_of_work():
            creation.create_hold(order_id, ME, [ordered.id])
        placed_at = clock.now()
        time.sleep(0.002)
        failure = chance.choice(["none", "cache", "queue", "database", "flush"])
        if failure == "cache":
            redis.kill()
            change_some()
            redis.start()
            eventually(update_cache_and_list_behind, [])  # the circuit is closed again
        elif failure == "queue":
            queue_proxy.cut()
            change_some()
            queue_proxy.open()
            as_another_process()  # a flush before the queue is tried again would be a second failure
        elif failure == "database":
            with database_stopped():
                change_some()
        else:
            change_some()
        if failure == "flush":
            redis.flush()
        handle_queued_messages()
        with clock.freeze(clock.now() + timedelta(seconds=11)):
            run_job(jobs.resend_unsaved_carts)
            run_job(jobs.update_cart_cache)
        handle_queued_messages()
        with db.unit_of_work():
            settlement.release_hold(order_id)
        assert (set(read_saved_product_ids()), set(read_product_ids())) == (expected, expected), failure


@pytest.mark.real_servers
def test_concurrent_first_changes_without_the_cache(published: Maker, redis: CacheServer) -> None:
    products = [published() for _ in range(8)]
    redis.kill()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, products))
    assert set(read_product_ids()) == {product.id for product in products}
    redis.start()
    assert set(read_product_ids()) == {product.id for product in products}


def test_the_oldest_removed_entries_are_dropped_in_the_database(published: Maker, redis: CacheServer) -> None:
    product = published()
    redis.kill()
    for number in range(MAX_REMOVED + 3):
        with db.unit_of_work():
            for present in (True, False):
                change = CartChange(f"{product.id[:-3]}{number:03}", present, 1, "EUR")
                cart_rows.change_cart(ME, [change], now_ms=number, max_items=50)
    with db.unit_of_work(reads_only=True):
        assert len(cart_rows.load_cart(ME).entries) == MAX_REMOVED
    redis.start()
