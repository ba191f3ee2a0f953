"""Two workers that change the same order concurrently, on MariaDB (SQLite has one writer at a time)."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event, select, text

from libs.chassis import db
from services.locker.boxes import storage
from services.locker.doors import rights
from services.locker.doors.tables import DoorRight
from services.locker.holds import deliveries, jobs
from services.locker.holds.tables import BoxRequest
from tests.integration.locker.support import (
    NOTHING_TO_OPEN,
    Site,
    create_client,
    create_site,
    deliver_order_cancelled,
    deliver_order_paid,
    deliver_purchase_return_state,
    deliver_work_order,
    hold_box,
    new_id,
    open_doors,
    read_problem,
)
from tests.support.harness import Harness

pytestmark = pytest.mark.real_servers(only=True)


@pytest.fixture
def waiting(locker: Harness) -> tuple[Site, str]:
    """A location whose one box has become free, and an order that Paulo ships and that waits for a box."""
    site = create_site(locker, boxes=1)
    first, order_id = new_id("bor"), new_id("bor")
    deliver_order_paid(locker, site, first)
    deliver_order_paid(locker, site, order_id)
    deliver_work_order(locker, "shipping", "assigned", site, "paulo", (order_id, None))
    deliver_order_cancelled(locker, site, first)
    return site, order_id


def wait_until_blocked(other: Future[Any]) -> None:
    """Wait until the other worker waits for a lock of ours, or has finished."""
    with db.engine().connect() as connection:
        for _ in range(60):
            locked = connection.execute(
                text("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
            ).scalar_one()
            if locked or other.done():
                return
            time.sleep(0.15)  # InnoDB refreshes innodb_trx when it was not read for 0.1 s
    raise AssertionError("the other worker is neither blocked nor finished")


def test_work_that_is_unassigned_before_its_box_is_held_opens_no_door(
    locker: Harness, waiting: tuple[Site, str]
) -> None:
    site, order_id = waiting
    statements: list[str] = []
    with ThreadPoolExecutor(1) as worker:

        def unassign(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if "FROM box_requests" in statement and not statements:
                statements.append(statement)
                unassigned = (locker, "shipping", "open", site, None, (order_id, None))
                worker.submit(deliver_work_order, *unassigned).result()

        event.listen(db.engine(), "after_cursor_execute", unassign)
        try:
            with db.unit_of_work():
                jobs.serve_box_requests()
        finally:
            event.remove(db.engine(), "after_cursor_execute", unassign)
    assert statements
    assert site.states_by_box()[_box_of(order_id)] == "held"
    paulo = create_client(locker, "paulo", "internal")
    assert read_problem(open_doors(paulo, site, order_id=order_id)) == NOTHING_TO_OPEN


def test_work_that_is_unassigned_while_its_box_is_being_held_opens_no_door(
    locker: Harness, waiting: tuple[Site, str]
) -> None:
    site, order_id = waiting
    with ThreadPoolExecutor(1) as worker:
        with db.unit_of_work():
            deliveries.serve_request(order_id)
            unassigned = (locker, "shipping", "open", site, None, (order_id, None))
            other = worker.submit(deliver_work_order, *unassigned)
            wait_until_blocked(other)
            assert not other.done()
        other.result()
    paulo = create_client(locker, "paulo", "internal")
    assert read_problem(open_doors(paulo, site, order_id=order_id)) == NOTHING_TO_OPEN


def test_an_order_that_another_worker_has_served_is_skipped(locker: Harness, waiting: tuple[Site, str]) -> None:
    site, order_id = waiting
    served: list[str] = []
    with ThreadPoolExecutor(1) as worker:

        def serve() -> None:
            with db.unit_of_work():
                jobs.serve_box_requests()

        def serve_first(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if "FROM box_requests" in statement and not served:
                served.append(statement)
                worker.submit(serve).result()

        event.listen(db.engine(), "after_cursor_execute", serve_first)
        try:
            serve()
        finally:
            event.remove(db.engine(), "after_cursor_execute", serve_first)
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalars(select(BoxRequest)).all() == []
        states = select(DoorRight.state).where(DoorRight.order_id == order_id)
        assert session.scalars(states).all() == ["open"]
    assert site.states_by_box()[_box_of(order_id)] == "held"


def test_issuing_a_right_and_closing_a_door_lock_in_the_same_order(locker: Harness) -> None:
    """Both lock the box first and then the rights, so they cannot deadlock."""
    site, order_id = create_site(locker), new_id("bor")
    deliver_order_paid(locker, site, order_id)
    deliver_work_order(locker, "shipping", "assigned", site, "paulo", (order_id, None))
    with ThreadPoolExecutor(1) as worker:
        with db.unit_of_work() as session:
            storage.lock(_box_of(order_id))
            other = worker.submit(
                deliver_work_order, locker, "shipping", "assigned", site, "rita", (order_id, None)
            )
            wait_until_blocked(other)
            for right_id in session.scalars(select(DoorRight.id).where(DoorRight.order_id == order_id)).all():
                rights.lock(right_id)
        other.result()
    paulo, rita = (create_client(locker, name, "internal") for name in ("paulo", "rita"))
    assert read_problem(open_doors(paulo, site, order_id=order_id)) == NOTHING_TO_OPEN
    assert open_doors(rita, site, order_id=order_id).status_code == 200


def test_a_deposit_counts_when_its_return_is_cancelled_while_the_door_is_being_opened(locker: Harness) -> None:
    site = create_site(locker)
    return_id, _ = hold_box(locker, site, order_id=new_id("rbo"))
    deliver_purchase_return_state(locker, return_id, "created")
    [opening] = open_doors(create_client(locker, "ines"), site, order_id=return_id).json()["openings"]
    opened: list[str] = []
    with ThreadPoolExecutor(1) as worker:

        def open_concurrently(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if "FROM boxes" in statement and not opened:
                opened.append(statement)
                worker.submit(site.report, site.event("opened", grant_id=opening["grant_id"])).result()

        event.listen(db.engine(), "after_cursor_execute", open_concurrently)
        try:
            deliver_purchase_return_state(locker, return_id, "cancelled")
        finally:
            event.remove(db.engine(), "after_cursor_execute", open_concurrently)
    site.report(site.event("closed", grant_id=opening["grant_id"], is_occupied=True))
    assert site.states_by_box()[opening["box_id"]] == "occupied"


def _box_of(order_id: str) -> str:
    with db.unit_of_work(reads_only=True):
        box = storage.lock_by_order(order_id)
        assert box is not None
        return box.id
