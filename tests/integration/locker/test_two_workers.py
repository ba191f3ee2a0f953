"""Two workers at once, where a database lets them: on MariaDB. Writers to SQLite queue up."""

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
    Place,
    cancelled,
    hold,
    make_place,
    new_id,
    open_doors,
    paid,
    person,
    refusal,
    return_moved,
    work_order,
)
from tests.support.harness import Harness

NOTHING = (404, "nothing-to-open")


pytestmark = pytest.mark.real_servers(only=True)


@pytest.fixture
def waiting(empty_locker: Harness) -> tuple[Place, str]:
    """A location with one box that is free by now, and an order of Paulo's work that waited for it."""
    place = make_place(empty_locker, boxes=1)
    first, order_id = new_id("bor"), new_id("bor")
    paid(empty_locker, place, first)
    paid(empty_locker, place, order_id)
    work_order(empty_locker, "shipping", "assigned", place, "paulo", (order_id, None))
    cancelled(empty_locker, place, first)
    return place, order_id


def wait_for_a_lock(busy: Future[Any]) -> None:
    """Until the other worker is done, or waits for a lock of ours."""
    with db.engine().connect() as connection:
        for _ in range(60):
            locked = connection.execute(
                text("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
            ).scalar_one()
            if locked or busy.done():
                return
            time.sleep(0.15)  # the server looks again when nobody asked for a tenth of a second
    raise AssertionError("the other worker neither waits nor ends")


def test_work_that_is_taken_back_before_its_box_is_given_opens_no_door(
    empty_locker: Harness, waiting: tuple[Place, str]
) -> None:
    place, order_id = waiting
    told: list[str] = []
    with ThreadPoolExecutor(1) as worker:

        def take_back(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if "FROM box_requests" in statement and not told:
                told.append(statement)
                taken = (empty_locker, "shipping", "open", place, None, (order_id, None))
                worker.submit(work_order, *taken).result()

        event.listen(db.engine(), "after_cursor_execute", take_back)
        try:
            with db.unit_of_work():
                jobs.serve_box_requests()
        finally:
            event.remove(db.engine(), "after_cursor_execute", take_back)
    assert told
    assert place.state_of(_box_of(order_id)) == "held"
    paulo = person(empty_locker, "paulo", "internal")
    assert refusal(open_doors(paulo, place, order_id=order_id)) == NOTHING


def test_work_that_is_taken_back_while_its_box_is_given_opens_no_door(
    empty_locker: Harness, waiting: tuple[Place, str]
) -> None:
    place, order_id = waiting
    with ThreadPoolExecutor(1) as worker:
        with db.unit_of_work():
            deliveries.serve_request(order_id)
            taken = (empty_locker, "shipping", "open", place, None, (order_id, None))
            busy = worker.submit(work_order, *taken)
            wait_for_a_lock(busy)
            assert not busy.done()
        busy.result()
    paulo = person(empty_locker, "paulo", "internal")
    assert refusal(open_doors(paulo, place, order_id=order_id)) == NOTHING


def test_an_order_that_another_worker_has_served_is_passed_over(
    empty_locker: Harness, waiting: tuple[Place, str]
) -> None:
    place, order_id = waiting
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
        rights = select(DoorRight.state).where(DoorRight.order_id == order_id)
        assert session.scalars(rights).all() == ["open"]
    assert place.state_of(_box_of(order_id)) == "held"


def test_whoever_gives_a_right_waits_for_the_door_that_closes(empty_locker: Harness) -> None:
    """Box first, then rights, on both sides: nobody is the victim of a deadlock."""
    place, order_id = make_place(empty_locker), new_id("bor")
    paid(empty_locker, place, order_id)
    work_order(empty_locker, "shipping", "assigned", place, "paulo", (order_id, None))
    with ThreadPoolExecutor(1) as worker:
        with db.unit_of_work() as session:
            storage.lock(_box_of(order_id))
            busy = worker.submit(work_order, empty_locker, "shipping", "assigned", place, "rita", (order_id, None))
            wait_for_a_lock(busy)
            for right_id in session.scalars(select(DoorRight.id).where(DoorRight.order_id == order_id)).all():
                rights.lock(right_id)
        busy.result()
    paulo, rita = (person(empty_locker, name, "internal") for name in ("paulo", "rita"))
    assert refusal(open_doors(paulo, place, order_id=order_id)) == NOTHING
    assert open_doors(rita, place, order_id=order_id).status_code == 200


def test_a_return_that_ends_in_the_moment_its_door_opens_is_put_in(empty_locker: Harness) -> None:
    place = make_place(empty_locker)
    return_id, _ = hold(empty_locker, place, order_id=new_id("rbo"))
    return_moved(empty_locker, return_id, "created")
    [opening] = open_doors(person(empty_locker, "ines"), place, order_id=return_id).json()["openings"]
    opened: list[str] = []
    with ThreadPoolExecutor(1) as worker:

        def open_meanwhile(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if "FROM boxes" in statement and not opened:
                opened.append(statement)
                worker.submit(place.report, place.event("opened", grant_id=opening["grant_id"])).result()

        event.listen(db.engine(), "after_cursor_execute", open_meanwhile)
        try:
            return_moved(empty_locker, return_id, "cancelled")
        finally:
            event.remove(db.engine(), "after_cursor_execute", open_meanwhile)
    place.report(place.event("closed", grant_id=opening["grant_id"], is_occupied=True))
    assert place.state_of(opening["box_id"]) == "occupied"


def _box_of(order_id: str) -> str:
    with db.unit_of_work(reads_only=True):
        box = storage.lock_by_order(order_id)
        assert box is not None
        return box.id
