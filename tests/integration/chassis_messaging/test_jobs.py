"""Failing items of a job do not block the others in the same run; an unavailable store ends the run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from libs.chassis import clock, db, jobs
from libs.chassis.problems import NotFound, Unavailable
from libs.chassis.service_client import ServiceUnavailable
from libs.chassis.tables import ChassisBase, InboxRow

ITEMS = [f"item_{number:03}" for number in range(130)]
DUE = select(InboxRow.event_id).where(InboxRow.handler == "due").order_by(InboxRow.event_id)


@pytest.fixture(autouse=True)
def items() -> Iterator[None]:
    ChassisBase.metadata.create_all(db.engine())
    with db.unit_of_work() as session:
        session.add_all(InboxRow(event_id=one, handler="due", handled_at=clock.now()) for one in ITEMS)
    yield
    db.engine().dispose()


def act_unless(broken: list[str], done: list[str], error: Exception) -> None:
    def act(item: str) -> None:
        if item in broken:
            raise error
        done.append(item)

    jobs.for_each("test", DUE.limit(50), act)


ITEM_FAULTS = [
    ValueError("broken"),
    NotFound("no such order"),
    OperationalError("", {}, Exception(1205, "Lock wait timeout exceeded")),
    ServiceUnavailable("the peer fails for this item"),
]


@pytest.mark.parametrize("error", ITEM_FAULTS, ids=repr)
def test_failing_items_do_not_block_the_items_behind(error: Exception) -> None:
    done: list[str] = []
    act_unless(ITEMS[:120], done, error)
    assert done == ITEMS[120:]


def test_a_run_without_failures_ends_with_its_page() -> None:
    done: list[str] = []
    act_unless([], done, ValueError())
    assert done == ITEMS[:50]


OUTAGES = [
    Unavailable("shopping"),
    PoolTimeout(),
    OperationalError("", {}, Exception(2003, "Can't connect")),
    OperationalError("", {}, ConnectionError("the circuit is open")),
]


@pytest.mark.parametrize("outage", OUTAGES, ids=repr)
def test_a_store_that_is_unavailable_ends_the_run(outage: Exception) -> None:
    done: list[str] = []
    with pytest.raises(type(outage)):
        act_unless(ITEMS[1:], done, outage)
    assert done == ITEMS[:1]
