"""One database per service: engine, sessions and the unit of work.

A unit of work is one session and one transaction. The chassis opens one around each request and each message;
domain code asks for it with `session()`. It begins with the first statement and is committed when the handler
returns. On SQLite a unit of work that may write begins with BEGIN IMMEDIATE, so that two writers queue up instead
of failing half way (SQLite documentation, "Transactions"); one that only reads takes no write lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from sqlalchemy import (
    Engine,
    ExceptionContext,
    PoolProxiedConnection,
    QueuePool,
    Select,
    create_engine,
    event,
    inspect,
)
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session

from libs.chassis import circuit_breaker
from libs.chassis.runtime import per_process
from libs.chassis.settings import settings
from libs.chassis.types import Json, UtcDateTime

__all__ = [
    "Json",
    "UtcDateTime",
    "after_commit",
    "engine",
    "insert_missing",
    "locked_scalar",
    "session",
    "unit_of_work",
]

READ_SECONDS = 5.0
# Shorter than READ_SECONDS, so that a lock held elsewhere is not taken for a server that hangs.
LOCK_WAIT_SECONDS = 3
T = TypeVar("T")

_current: ContextVar[Session | None] = ContextVar("unit_of_work", default=None)


def engine() -> Engine:
    """The engine of the running service's database."""
    return _engine(settings().database_url, settings().ca_file)


@per_process
def _engine(database_url: str, ca_file: str | None) -> Engine:
    url = make_url(database_url)
    return _sqlite_engine(url) if url.get_backend_name() == "sqlite" else _mysql_engine(url, ca_file)


def with_tls(url: URL, ca_file: str | None) -> tuple[URL, dict[str, Any]]:
    """The URL as the driver knows it, and its arguments for TLS, which `?tls=true` asks for."""
    if url.query.get("tls") != "true":
        return url, {}
    return url.difference_update_query(["tls"]), {"ssl": {"ca": ca_file}}


def _mysql_engine(url: URL, ca_file: str | None) -> Engine:
    url, tls = with_tls(url, ca_file)
    connect_args = {
        "connect_timeout": 2,
        "read_timeout": READ_SECONDS,
        "write_timeout": READ_SECONDS,
        "init_command": f"SET innodb_lock_wait_timeout={LOCK_WAIT_SECONDS}",
    }
    circuit = circuit_breaker.breaker("database", _is_unreachable)
    made = create_engine(
        url.update_query_dict({"charset": "utf8mb4"}),
        poolclass=_guarded_pool(circuit),
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_size=20,
        max_overflow=20,
        pool_timeout=3,
        pool_recycle=1800,
        connect_args=connect_args | tls,
        hide_parameters=True,
    )
    _count_statements(made, circuit)
    return made


def _guarded_pool(of_database: circuit_breaker.Circuit) -> type[QueuePool]:
    """A pool whose connections are got through the circuit; OperationalError immediately while it is open."""

    class GuardedPool(QueuePool):
        circuit = of_database

        def connect(self) -> PoolProxiedConnection:
            # A server that accepts connections may still execute nothing: only statements reset the failures.
            with circuit_breaker.guarded(self.circuit, _refused, resets=False) as epoch:
                connection = super().connect()
                connection.info[_EPOCH] = epoch
                return connection

    return GuardedPool


_EPOCH = "circuit epoch"


def _count_statements(made: Engine, circuit: circuit_breaker.Circuit) -> None:
    @event.listens_for(made, "after_cursor_execute")
    def succeeded(connection: Any, *_: Any) -> None:
        circuit.record(connection.info.get(_EPOCH), failed=False)

    @event.listens_for(made, "handle_error")
    def failed(context: ExceptionContext) -> None:
        if context.connection is not None and circuit.is_failure(context.original_exception):
            circuit.record(context.connection.info.get(_EPOCH), failed=True)


def _sqlite_engine(url: URL) -> Engine:
    waits = {"timeout": 10}
    made = create_engine(
        url, pool_size=20, max_overflow=20, pool_timeout=3, connect_args=waits, hide_parameters=True
    )

    begin_for_sqlite(made, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000")
    return made


def begin_for_sqlite(made: Engine, *pragmas: str) -> None:
    """Say BEGIN ourselves: the driver would only before INSERT and the like (sqlite3, "Transaction control")."""

    @event.listens_for(made, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(made, "begin")
    def begin(connection: Any) -> None:
        reads_only = connection.get_execution_options().get("reads_only", False)
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _is_unreachable(error: BaseException) -> bool:
    """Whether the server is unreachable: no connection, or a lost one; of errors of the pool and the driver."""
    return isinstance(error, PoolTimeout) or error.args[:1] in _LOST


# CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR, CR_SERVER_GONE_ERROR, CR_SERVER_LOST
_LOST = ((2002,), (2003,), (2006,), (2013,))


def _refused() -> OperationalError:
    return OperationalError("", {}, ConnectionError("the circuit of the database is open"))


@per_process
def _reading(whole: Engine) -> Engine:
    """The same engine and its connections, for transactions that only read."""
    return whole.execution_options(reads_only=True)


@contextmanager
def unit_of_work(*, reads_only: bool = False) -> Iterator[Session]:
    """One session and one transaction: committed at the end of the block, rolled back when it raises.

    Inside another unit of work this is a new, independent one. `reads_only` promises not to write. The database is
    first needed by the first statement, which raises OperationalError immediately while the circuit is open.
    """
    bound = _reading(engine()) if reads_only else engine()
    # Not by a sessionmaker, which makes a new class each time: that cost more than all else here.
    opened = Session(bound, expire_on_commit=False)
    token = _current.set(opened)
    try:
        yield opened
        opened.commit()
    except BaseException:
        opened.rollback()
        raise
    finally:
        _current.reset(token)
        opened.close()


def session() -> Session:
    """The session of the current unit of work; RuntimeError outside one."""
    current = _current.get()
    if current is None:
        raise RuntimeError("no unit of work is open here; use `with unit_of_work():`")
    return current


def locked_scalar(statement: Select[T]) -> T | None:
    """What the statement selects, as it is now, locked until the unit of work ends; None when there is nothing.

    What the session has read before is read again: it may be from before the lock.
    """
    return session().scalar(statement.with_for_update(), execution_options={"populate_existing": True})


def insert_missing(model: type[DeclarativeBase], rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose primary key is not there; those that are there stay as they are.

    For a model without another unique key: MySQL makes no difference between them.
    """
    insert: Any
    if session().get_bind().dialect.name == "sqlite":
        insert = sqlite.insert(model).values(list(rows)).on_conflict_do_nothing()
    else:  # unlike INSERT IGNORE this hides no other error, and it locks for writing at once
        key = inspect(model).primary_key[0]
        insert = mysql.insert(model).values(list(rows)).on_duplicate_key_update({key.name: key})
    session().execute(insert)


def after_commit(call: Callable[[], None]) -> None:
    """Call once the current unit of work is committed; never when it is rolled back."""
    waiting = [call]

    @event.listens_for(session(), "after_commit")
    def run(committed: Session) -> None:
        # SQLAlchemy tells of savepoints too, and those are not committed yet.
        if waiting and not committed.in_nested_transaction():
            waiting.pop()()


def is_disconnect(error: BaseException) -> bool:
    """Whether the database is away (as against a statement that it refused)."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


def ping() -> None:
    """One statement on the database, for /readyz; raises when it is away."""
    with engine().connect() as connection:
        connection.exec_driver_sql("SELECT 1")


def retrying_serialization(call: Callable[[], Any], attempts: int = 4) -> Any:
    """Run `call` again when the database chose it as the victim of a deadlock (MySQL error 1213, 1205)."""
    for attempt in range(attempts):
        try:
            return call()
        except DBAPIError as error:
            code = getattr(error.orig, "args", [None])[0]
            if code not in (1205, 1213) or attempt == attempts - 1:
                raise
            time.sleep(0.02 * 2**attempt)
    raise AssertionError("unreachable")
