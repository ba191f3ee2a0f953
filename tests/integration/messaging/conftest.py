"""Locker and admin in this process, on real queues: locker publishes, admin handles; they share a database here."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from libs.chassis import aws, db, settings, topology, worker
from libs.chassis.events import Event, EventRegistry
from libs.chassis.outbox_relay import Relay
from libs.chassis.runtime import new_runtime
from libs.chassis.service import Service, use_service
from libs.chassis.settings import ServiceSettings
from libs.chassis.tables import ChassisBase
from tools.local_platform import messaging_resources

HELD = "locker.box.held.v1"


class Base(DeclarativeBase):
    pass


class Effect(Base):
    """A row per event that a handler has handled."""

    __tablename__ = "effects"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    text: Mapped[str] = mapped_column(String(200))


def do(text: str) -> None:
    """The effect of a handler, in its transaction."""
    db.session().add(Effect(text=text))


def effects() -> list[str]:
    with db.unit_of_work(reads_only=True) as session:
        return list(session.scalars(select(Effect.text).order_by(Effect.id)))


def eventually(check: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """Wait until `check` returns a true value, and return it. Fails with `what` after a time-out."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        if time.monotonic() > deadline:
            pytest.fail(f"in {seconds} s not seen: {what}")
        time.sleep(0.05)
    return found


def data(number: int) -> dict[str, Any]:
    """The data of an event that its box identifies."""
    return {
        "box_id": f"box_{number:032x}",
        "location_id": f"loc_{0:032x}",
        "order_id": f"bor_{0:032x}",
    }


@dataclass
class Platform:
    """Two registries, and their relays and workers."""

    locker: EventRegistry = field(default_factory=lambda: EventRegistry("locker"))
    admin: EventRegistry = field(default_factory=lambda: EventRegistry("admin"))

    def provision(self) -> None:
        for registry in (self.locker, self.admin):
            messaging_resources.create_topology(registry)

    def publish(self, *numbers: int) -> None:
        with db.unit_of_work():
            for number in numbers:
                self.locker.publish(HELD, subject=f"box_{number}", data=data(number))

    @contextmanager
    def relaying(self, *registries: EventRegistry) -> Iterator[None]:
        """The relays of these services (locker's without any)."""
        stop = threading.Event()
        chosen = registries or (self.locker,)
        threads = [threading.Thread(target=Relay(registry, stop).run) for registry in chosen]
        with _running(threads, stop):
            yield

    @contextmanager
    def working(self) -> Iterator[threading.Event]:
        """Run admin's consumers and jobs. Yields the event that stops them."""
        stop = threading.Event()
        with _running(worker.create_threads(self.admin, stop), stop):
            yield stop

    def waiting_in(self, queue: str) -> tuple[int, int]:
        """The numbers of visible and of received messages in one of admin's queues."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = topology.queue_url(topology.queue_name("admin", queue))
        found = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def put(self, body: str, queue: str = "inbox") -> None:
        """Put a message into one of admin's queues as it is."""
        url = topology.queue_url(topology.queue_name("admin", queue))
        aws.client("sqs").send_message(QueueUrl=url, MessageBody=body)

    def handle_by_effect(self) -> None:
        """Register a handler that records the box of each event."""

        @self.admin.handles(HELD)
        def note_box(event: Event) -> None:
            do(event.data["box_id"])


@contextmanager
def _running(threads: list[threading.Thread], stop: threading.Event) -> Iterator[None]:
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)


def document(number: int) -> str:
    """An event's JSON as SNS puts it into a queue."""
    found = {"id": f"evt_{uuid.uuid4().hex}", "type": HELD, "source": "/test", "subject": "s"}
    return json.dumps(found | {"time": "2026-01-01T00:00:00Z", "data": data(number)})


@contextmanager
def process(database_url: str, aws_url: str, redis_url: str, registry: EventRegistry) -> Iterator[None]:
    """Run this process as one of admin, with the tables of the chassis and the effects."""
    environment = {
        "RECLOTHES_ENVIRONMENT": "test",
        "RECLOTHES_DATABASE_URL": database_url,
        "RECLOTHES_REDIS_URL": redis_url,
        "RECLOTHES_AWS_ENDPOINT_URL": aws_url,
        "RECLOTHES_RESOURCE_PREFIX": f"t{uuid.uuid4().hex[:8]}",
        "RECLOTHES_JWT_ISSUER": "https://auth.test",
        "RECLOTHES_JWKS_URL": "https://auth.test/jwks",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    with new_runtime(), pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        settings.use_settings(ServiceSettings.from_environment())
        use_service(Service("admin", ServiceSettings, Base.metadata, registry))
        for metadata in (ChassisBase.metadata, Base.metadata):
            metadata.create_all(db.engine())
        yield
        db.engine().dispose()


@pytest.fixture
def platform(empty_database_url: str, aws_endpoint: str, valkey_server: str) -> Iterator[Platform]:
    """On SQLite and on MariaDB."""
    platform = Platform()
    with process(empty_database_url, aws_endpoint, valkey_server, platform.admin):
        yield platform


@pytest.fixture
def quick_platform(tmp_path: Any, aws_endpoint: str, valkey_server: str) -> Iterator[Platform]:
    """On SQLite only, where the kind of database does not matter."""
    platform = Platform()
    with process(f"sqlite:///{tmp_path / 'quick.db'}", aws_endpoint, valkey_server, platform.admin):
        yield platform
