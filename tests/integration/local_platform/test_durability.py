"""A store that is killed while it is written to loses nothing that it has acknowledged.

The stores run with the commands of the local platform; the documents are written with the client settings of the
services.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pymongo
import pytest
import redis

from libs.chassis import documents
from tools.local_platform import credentials, processes
from tools.local_platform.layout import HOST, Layout

pytestmark = pytest.mark.full

KILLS = 3
WRITERS = 4
SECONDS_OF_WRITES = 0.7

Write = Callable[[str], object]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "a folder" / "run").on_free_ports()


class KillableStore:
    """One store of a platform, without its supervisor."""

    def __init__(self, layout: Layout, name: str) -> None:
        own = credentials.ensure(layout)
        [self._process] = [each for each in processes.stores(layout, own) if each.name == name]
        self._running: subprocess.Popen[bytes] | None = None

    def start(self, is_up: Callable[[], object]) -> None:
        self._running = subprocess.Popen(self._process.command, env=self._process.environment)
        deadline = time.monotonic() + 30
        while True:
            try:
                is_up()
                return
            except (pymongo.errors.PyMongoError, redis.RedisError):
                assert self._running.poll() is None, "the store has ended"
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def kill(self) -> None:
        if self._running is not None:
            self._running.send_signal(signal.SIGKILL)
            self._running.wait()


@contextmanager
def killable(layout: Layout, name: str) -> Iterator[KillableStore]:
    store = KillableStore(layout, name)
    try:
        yield store
    finally:
        store.kill()


def acknowledged_writes(write: Write, prefix: str, kill: Callable[[], None]) -> set[str]:
    """Write from several threads until the store is killed; the ids whose writes were acknowledged."""
    acknowledged: set[str] = set()

    def keep_writing(writer: int) -> None:
        for number in range(1_000_000):
            key = f"{prefix}-{writer}-{number}"
            try:
                write(key)
            except (pymongo.errors.PyMongoError, redis.RedisError):
                return
            acknowledged.add(key)

    writers = [threading.Thread(target=keep_writing, args=(number,)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    time.sleep(SECONDS_OF_WRITES)
    kill()
    for writer in writers:
        writer.join()
    return acknowledged


def test_killing_the_document_store_loses_no_acknowledged_write(layout: Layout) -> None:
    database = documents._database(f"mongodb://{HOST}:{layout.port('secantus')}/shopping", None)
    products = database["durable"]

    def insert(key: str) -> None:
        products.insert_one({"_id": key})

    acknowledged: set[str] = set()
    with killable(layout, "secantus") as store:
        for kill in range(KILLS):
            store.start(lambda: database.command("ping"))
            acknowledged |= acknowledged_writes(insert, f"{kill}", store.kill)
        store.start(lambda: database.command("ping"))
        found = {document["_id"] for document in products.find()}
    database.client.close()
    assert len(acknowledged) > KILLS
    assert acknowledged - found == set()


def test_killing_valkey_loses_no_acknowledged_write(layout: Layout) -> None:
    with redis.Redis(host=HOST, port=layout.port("valkey"), decode_responses=True) as client:
        acknowledged: set[str] = set()
        with killable(layout, "valkey") as store:
            for kill in range(KILLS):
                store.start(client.ping)
                acknowledged |= acknowledged_writes(lambda key: client.set(key, "1"), f"{kill}", store.kill)
            store.start(client.ping)
            found = set(client.scan_iter(count=1000))
    assert len(acknowledged) > KILLS
    assert acknowledged - found == set()
