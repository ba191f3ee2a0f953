"""The unit of work: one session and one transaction on the service's own database.

The chassis opens one around each request, event, message and job; domain code gets its session with `session()`.
The transaction begins with the first statement and is committed when the handler returns. On SQLite a unit of work
that may write begins with BEGIN IMMEDIATE, so that two writers queue instead of failing half way (SQLite
documentation, "Transactions"); one that only reads takes no write lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from sqlalchemy import Engine, Select, event, inspect
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session

from libs.chassis.database_engine import engine
from libs.chassis.runtime import per_process
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

DEADLOCK_CODES = (1205, 1213)  # ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK
T = TypeVar("T")

_current: ContextVar[Session | None] = ContextVar("unit_of_work", default=None)


@per_process
def _read_only(full: Engine) -> Engine:
    """The same engine and its connections, for transactions that only read."""
    return full.execution_options(reads_only=True)


@contextmanager
def unit_of_work(*, reads_only: bool = False) -> Iterator[Session]:
    """One session and one transaction: committed at the end of the block, rolled back when it raises.

    Inside another unit of work this is a new, independent one. `reads_only` promises not to write. The first
    statement needs the database, and raises OperationalError immediately while the circuit is open.
    """
    bound = _read_only(engine()) if reads_only else engine()
    # Not by a sessionmaker: it creates a new class each time, which cost more than everything else here.
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
    """The session of the current unit of work. Raises RuntimeError outside one."""
    current = _current.get()
    if current is None:
        raise RuntimeError("No unit of work is open. Use `with unit_of_work():`.")
    return current


def locked_scalar(statement: Select[T]) -> T | None:
    """The current row of a statement, locked until the unit of work ends; None when there is none.

    A row that the session has read before is read again: it may be from before the lock.
    """
    return session().scalar(statement.with_for_update(), execution_options={"populate_existing": True})


def insert_missing(model: type[DeclarativeBase], rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose primary key does not exist yet, and leave the others unchanged.

    Only for a model without another unique key: MySQL does not distinguish between them.
    """
    insert: Any
    if session().get_bind().dialect.name == "sqlite":
        insert = sqlite.insert(model).values(list(rows)).on_conflict_do_nothing()
    else:  # unlike INSERT IGNORE this hides no other error, and takes write locks immediately
        key = inspect(model).primary_key[0]
        insert = mysql.insert(model).values(list(rows)).on_duplicate_key_update({key.name: key})
    session().execute(insert)


def after_commit(call: Callable[[], None]) -> None:
    """Call once the current unit of work is committed; never when it is rolled back."""
    waiting = [call]

    @event.listens_for(session(), "after_commit")
    def run(committed: Session) -> None:
        # SQLAlchemy emits this for savepoints too, which are not committed yet.
        if waiting and not committed.in_nested_transaction():
            waiting.pop()()


def is_disconnect(error: BaseException) -> bool:
    """Whether the database is unavailable (and did not just reject a statement)."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


def ping() -> None:
    """Execute one statement, for /readyz. Raises when the database is unavailable."""
    with engine().connect() as connection:
        connection.exec_driver_sql("SELECT 1")


def retrying_serialization(call: Callable[[], Any], attempts: int = 4) -> Any:
    """Run `call` again when the database rolled it back because of a deadlock or a lock time-out."""
    for attempt in range(attempts):
        try:
            return call()
        except DBAPIError as error:
            code = getattr(error.orig, "args", [None])[0]
            if code not in DEADLOCK_CODES or attempt == attempts - 1:
                raise
            time.sleep(0.02 * 2**attempt)
    raise AssertionError("unreachable")
