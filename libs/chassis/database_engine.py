"""The SQLAlchemy engine of a service's database: MySQL behind a circuit breaker, or SQLite."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, ExceptionContext, PoolProxiedConnection, QueuePool, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from libs.chassis import circuit_breaker
from libs.chassis.runtime import per_process
from libs.chassis.settings import settings

READ_SECONDS = 5.0
# Shorter than READ_SECONDS, so that waiting for a lock is not taken for an outage of the server.
LOCK_WAIT_SECONDS = 3
_EPOCH = "circuit epoch"
# CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR, CR_SERVER_GONE_ERROR, CR_SERVER_LOST
_LOST_CONNECTION = ((2002,), (2003,), (2006,), (2013,))


def engine() -> Engine:
    """The engine of the running service's database."""
    return _engine(settings().database_url, settings().ca_file)


@per_process
def _engine(database_url: str, ca_file: str | None) -> Engine:
    url = make_url(database_url)
    return _sqlite_engine(url) if url.get_backend_name() == "sqlite" else _mysql_engine(url, ca_file)


def with_tls(url: URL, ca_file: str | None) -> tuple[URL, dict[str, Any]]:
    """The URL without `?tls=true`, and the driver's arguments for TLS when the URL has it."""
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
    engine = create_engine(
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
    _count_statements(engine, circuit)
    return engine


def _guarded_pool(database_circuit: circuit_breaker.Circuit) -> type[QueuePool]:
    """A pool that opens connections through the circuit, and raises OperationalError while it is open."""

    class GuardedPool(QueuePool):
        circuit = database_circuit

        def connect(self) -> PoolProxiedConnection:
            # A server that accepts connections may still not execute statements: only those reset the failures.
            with circuit_breaker.guarded(self.circuit, _circuit_open, resets=False) as epoch:
                connection = super().connect()
                connection.info[_EPOCH] = epoch
                return connection

    return GuardedPool


def _count_statements(engine: Engine, circuit: circuit_breaker.Circuit) -> None:
    @event.listens_for(engine, "after_cursor_execute")
    def succeeded(connection: Any, *_: Any) -> None:
        circuit.record(connection.info.get(_EPOCH), failed=False)

    @event.listens_for(engine, "handle_error")
    def failed(context: ExceptionContext) -> None:
        if context.connection is not None and circuit.is_failure(context.original_exception):
            circuit.record(context.connection.info.get(_EPOCH), failed=True)


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(
        url, pool_size=20, max_overflow=20, pool_timeout=3, connect_args={"timeout": 10}, hide_parameters=True
    )
    begin_for_sqlite(engine, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000")
    return engine


def begin_for_sqlite(engine: Engine, *pragmas: str) -> None:
    """Begin transactions explicitly: the driver does so only before INSERT and the like (sqlite3 documentation)."""

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        reads_only = connection.get_execution_options().get("reads_only", False)
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _is_unreachable(error: BaseException) -> bool:
    """Whether an error of the pool or the driver means that there is no connection to the server."""
    return isinstance(error, PoolTimeout) or error.args[:1] in _LOST_CONNECTION


def _circuit_open() -> OperationalError:
    return OperationalError("", {}, ConnectionError("the circuit of the database is open"))
