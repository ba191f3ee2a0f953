"""A hanging server opens its circuit after short deadlines."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psutil
import pymongo.errors
import pytest
import redis
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from libs.chassis import aws, cache, circuit_breaker, database_engine, db, documents, messaging
from libs.chassis.object_store import Bucket, PhotoStoreUnavailable
from libs.chassis.settings import overridden, settings
from tests.support import servers

IMMEDIATELY = 0.2  # seconds, for what waits for nothing


def seconds_of(call: Callable[[], Any], error: type[Exception] | tuple[type[Exception], ...]) -> float:
    """The duration until the call fails with this error."""
    begun = time.monotonic()
    with pytest.raises(error):
        call()
    return time.monotonic() - begun


def pid_of(url: str) -> int:
    """The process of this test that listens on the port of the URL."""
    port = urlsplit(url).port
    for process in psutil.Process().children():
        if any(found.laddr.port == port for found in process.net_connections() if found.status == "LISTEN"):
            return int(process.pid)
    raise LookupError(f"nothing of this test listens at {port}")


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def valkey(process: None) -> Iterator[int]:
    """The process id of a cache for this test, which the settings use."""
    with servers.redis_protocol(servers.valkey()) as url, overridden(redis_url=url):
        yield int(cache.redis_client().info("server")["process_id"])


@pytest.fixture
def hanging_port() -> Iterator[int]:
    """A port that accepts connections and never responds."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        yield listener.getsockname()[1]


def test_a_hanging_cache_opens_its_circuit(valkey: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> Any:
        return cache.redis_client().get("a")

    def read_many() -> Any:
        with cache.redis_client().pipeline(transaction=False) as pipeline:
            return pipeline.get("a").get("b").execute()

    assert read() is None
    circuit = cache._circuit(settings().redis_url)
    with frozen(valkey):
        for _ in range(circuit_breaker.FAILURES):
            assert seconds_of(read, redis.TimeoutError) < 1.0
        assert circuit.is_open
        assert seconds_of(read, cache.RedisError) < IMMEDIATELY
        assert seconds_of(read_many, cache.RedisError) < IMMEDIATELY
        assert cache.claim("a", seconds=1)
    monkeypatch.setattr(circuit, "reset_seconds", 0.0)
    assert (read(), read_many()) == (None, [None, None])
    assert not circuit.is_open


def test_the_event_loop_shares_the_circuit_of_the_cache(valkey: int) -> None:
    async def read() -> None:
        client = cache._async_client.__wrapped__(settings().redis_url, None)
        try:
            await client.mget(["a"])
        finally:
            await client.aclose()

    asyncio.run(read())
    with frozen(valkey):
        for _ in range(circuit_breaker.FAILURES):
            assert seconds_of(lambda: asyncio.run(read()), redis.TimeoutError) < 1.2
        assert seconds_of(lambda: asyncio.run(read()), cache.RedisError) < IMMEDIATELY
        assert seconds_of(lambda: cache.redis_client().get("a"), cache.RedisError) < IMMEDIATELY


def test_an_error_of_a_command_does_not_open_the_circuit(valkey: int) -> None:
    cache.redis_client().set("a", "text")
    for _ in range(circuit_breaker.FAILURES + 1):
        with pytest.raises(redis.ResponseError):
            cache.redis_client().hgetall("a")
    assert cache.redis_client().get("a") == "text"


def read_database() -> None:
    with db.unit_of_work(reads_only=True) as session:
        session.execute(text("SELECT 1"))


def test_a_hanging_database_opens_its_circuit(
    process: None, hanging_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "FAILURES", 1)
    monkeypatch.setattr(database_engine, "READ_SECONDS", 0.3)
    with overridden(database_url=f"mysql+pymysql://root@127.0.0.1:{hanging_port}/none"):
        assert seconds_of(read_database, OperationalError) < 2
        assert seconds_of(read_database, OperationalError) < IMMEDIATELY


def test_a_unit_of_work_without_a_statement_needs_no_database(
    process: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "FAILURES", 1)
    with overridden(database_url="mysql+pymysql://root@127.0.0.1:9/without_statement"):
        with pytest.raises(OperationalError):
            read_database()
        with db.unit_of_work():
            pass
        with pytest.raises(OperationalError, match="circuit"):
            read_database()


def test_work_without_a_statement_does_not_reset_the_failures(process: None) -> None:
    with overridden(database_url="mysql+pymysql://root@127.0.0.1:9/gone_too"):
        for _ in range(circuit_breaker.FAILURES):
            with db.unit_of_work():
                pass
            with pytest.raises(OperationalError, match="2003"):
                read_database()
        with pytest.raises(OperationalError, match="circuit"):
            read_database()


def test_a_hanging_photo_store_opens_its_circuit(
    process: None, hanging_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "FAILURES", 1)
    monkeypatch.setattr(aws, "READ_SECONDS", 0.2)
    with overridden(aws_endpoint_url=f"http://127.0.0.1:{hanging_port}"):
        bucket = Bucket("photos")
        assert seconds_of(lambda: bucket.get_size("a"), PhotoStoreUnavailable) < 4
        assert seconds_of(lambda: bucket.read("a", 10), PhotoStoreUnavailable) < IMMEDIATELY


def test_a_hanging_queue_opens_its_circuit(
    process: None, hanging_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "FAILURES", 1)
    monkeypatch.setattr(aws, "READ_SECONDS", 0.2)
    with overridden(aws_endpoint_url=f"http://127.0.0.1:{hanging_port}"):

        def send() -> None:
            messaging.send_to_queue("carts", {})

        assert seconds_of(send, messaging.QueueUnavailable) < 6
        assert seconds_of(send, messaging.QueueUnavailable) < IMMEDIATELY


@pytest.mark.full
def test_a_hanging_document_store_is_no_longer_selected(process: None) -> None:
    with servers.secantus() as url, overridden(mongo_url=f"{url}/shopping"):
        store = documents.mongo_database()

        def read() -> Any:
            return documents.mongo_database()["things"].find_one({})

        assert read() is None
        pid = pid_of(url)
        with frozen(pid):
            assert seconds_of(read, pymongo.errors.PyMongoError) < 4.5
            assert seconds_of(read, pymongo.errors.ServerSelectionTimeoutError) < 2
            assert seconds_of(documents.mongo_database, pymongo.errors.AutoReconnect) < IMMEDIATELY
        store.client.admin.command("ping")
        assert documents.mongo_database()["things"].find_one({}) is None
        store.client.close()


@pytest.mark.full
def test_a_hanging_database_server_recovers(process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.mariadb() as url, overridden(database_url=servers.make_database(url, "here")):
        read_database()
        circuit: Any = vars(type(db.engine().pool))["circuit"]
        with frozen(pid_of(url)):
            for _ in range(circuit_breaker.FAILURES):
                assert seconds_of(read_database, OperationalError) < 12
            assert seconds_of(read_database, OperationalError) < IMMEDIATELY
        monkeypatch.setattr(circuit, "reset_seconds", 0.0)
        read_database()
        db.engine().dispose()


@pytest.fixture
def mariadb(process: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The process id of a database server for this test, with short deadlines."""
    monkeypatch.setattr(database_engine, "READ_SECONDS", 2)
    monkeypatch.setattr(database_engine, "LOCK_WAIT_SECONDS", 1)
    with servers.mariadb() as url, overridden(database_url=servers.make_database(url, "here")):
        yield pid_of(url)
        db.engine().dispose()


@pytest.mark.full
def test_a_statement_that_hangs_counts_as_a_failure_of_the_database(
    mariadb: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "FAILURES", 1)
    read_database()
    with pytest.raises(OperationalError, match="2013"), db.unit_of_work(reads_only=True) as session:
        session.execute(text("SELECT 1"))
        with frozen(mariadb):
            session.execute(text("SELECT 1"))
    assert seconds_of(read_database, OperationalError) < IMMEDIATELY


@pytest.mark.full
def test_waiting_for_a_lock_does_not_open_the_circuit(mariadb: int) -> None:
    with db.unit_of_work() as session:
        session.execute(text("CREATE TABLE things (id INT PRIMARY KEY)"))
        session.execute(text("INSERT INTO things VALUES (1)"))

    def update() -> None:
        with db.unit_of_work() as second:
            second.execute(text("UPDATE things SET id = 3"))

    with db.unit_of_work() as first:
        first.execute(text("UPDATE things SET id = 2"))
        for _ in range(circuit_breaker.FAILURES + 1):
            with pytest.raises(OperationalError, match="1205"):
                update()
    update()
