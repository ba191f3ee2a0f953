"""A row or an event that cannot be processed blocks none of the others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError

from libs.chassis import db, metrics
from libs.chassis.clock import now
from libs.chassis.problems import Unavailable
from services.locker.activity.tables import Activity
from services.locker.boxes import storage
from services.locker.boxes.tables import Box
from services.locker.controllers import door_reports
from services.locker.holds import box_holds, jobs
from services.locker.holds.tables import BoxRequest
from tests.integration.locker.support import (
    Place,
    cancelled,
    deposit,
    hold,
    make_place,
    new_id,
    open_doors,
    paid,
    person,
)
from tests.support.harness import Harness


def failures_of(job: str) -> float:
    return metrics.JOB_ITEMS_FAILED.labels(job)._value.get()


def test_a_hold_that_cannot_be_released_blocks_no_others(
    empty_locker: Harness, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, _ = hold(empty_locker, place)
    others = [hold(empty_locker, place)[0] for _ in range(2)]
    with db.unit_of_work() as session:
        session.execute(update(Box).where(Box.state == "held").values(held_until=now() - timedelta(hours=1)))
    free = storage.free

    def free_or_fail(box: Box) -> bool:
        if box.held_for_order_id == broken:
            raise ValueError("broken")
        return free(box)

    monkeypatch.setattr(storage, "free", free_or_fail)
    before = failures_of("release overdue holds")
    jobs.release_overdue_holds()
    assert failures_of("release overdue holds") == before + 1
    with db.unit_of_work(reads_only=True) as session:
        held = session.scalars(select(Box.held_for_order_id).where(Box.state == "held")).all()
    assert (held, set(others) & set(held)) == ([broken], set())


def test_an_order_that_cannot_be_served_blocks_no_others(
    empty_locker: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_place(empty_locker, boxes=1)
    first, broken, waiting = (new_id("bor") for _ in range(3))
    for order_id in (first, broken, waiting):
        paid(empty_locker, place, order_id)
    cancelled(empty_locker, place, first)
    take = box_holds.hold

    def hold_or_fail(order_id: str, location_id: str) -> Box:
        if order_id == broken:
            raise ValueError("broken")
        return take(order_id, location_id)

    monkeypatch.setattr(box_holds, "hold", hold_or_fail)
    before = failures_of("serve box requests")
    jobs.serve_box_requests()
    assert failures_of("serve box requests") == before + 1
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalars(select(Box.held_for_order_id)).all() == [waiting]
        assert session.scalars(select(BoxRequest.order_id)).all() == [broken]


def test_an_event_that_cannot_be_applied_is_an_anomaly_and_the_next_ones_count(
    empty_locker: Harness, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, held = hold(empty_locker, place)
    assert held.status_code == 200
    [opening] = open_doors(person(empty_locker, "ines"), place, order_id=order_id).json()["openings"]
    opened = place.event("opened", grant_id=opening["grant_id"])
    closed = place.event("closed", grant_id=opening["grant_id"], is_occupied=True)

    def fail(*_: object) -> bool:
        raise ValueError("broken")

    before = failures_of("controller events")
    with monkeypatch.context() as patch:
        patch.setattr(door_reports, "apply_closed_door", fail)
        answer = place.report(opened, closed)
    assert (answer.status_code, answer.json()["next_sequence"]) == (200, 3)
    assert failures_of("controller events") == before + 1
    assert place.report(opened, closed).json()["next_sequence"] == 3
    with db.unit_of_work(reads_only=True) as session:
        anomalies = session.scalars(select(Activity).where(Activity.kind == "anomaly")).all()
        assert [(entry.details["sequence"], entry.details["event"]) for entry in anomalies] == [(2, closed)]
    _, box_id = deposit(empty_locker, place, "rui")
    assert place.state_of(box_id) == "occupied", "later events are applied"


@pytest.mark.parametrize(
    "fault",
    [
        OperationalError("", {}, Exception(2013, "Lost connection")),
        InterfaceError("", {}, Exception(0, "")),
        PoolTimeout(),
        IntegrityError("", {}, Exception(1062, "Duplicate entry")),
        StaleDataError(),
        Unavailable(),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_an_event_that_meets_a_passing_fault_is_taken_when_it_is_sent_again(
    empty_locker: Harness, place: Place, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    order_id, held = hold(empty_locker, place)
    [opening] = open_doors(person(empty_locker, "ines"), place, order_id=order_id).json()["openings"]
    opened = place.event("opened", grant_id=opening["grant_id"])
    closed = place.event("closed", grant_id=opening["grant_id"], is_occupied=True)

    def fail(*_: object) -> bool:
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(door_reports, "apply_closed_door", fail)
        assert place.report(opened, closed).status_code >= 400
    assert place.report(opened, closed).status_code == 200
    assert place.state_of(held.json()["box_id"]) == "occupied"


def test_an_entry_that_cannot_be_shown_is_left_out_of_the_activity_log(empty_locker: Harness, place: Place) -> None:
    deposit(empty_locker, place)
    with db.unit_of_work() as session:
        kinds = session.scalars(select(Activity.kind).order_by(Activity.at.desc(), Activity.id.desc())).all()
        session.execute(text("UPDATE activity SET details = '{broken' WHERE kind = 'opened'"))
        session.execute(text("UPDATE activity SET order_id = 'no order' WHERE kind = 'held'"))
    manager = empty_locker.as_user("marta", "locker:activity:read", kind="internal", roles=["manager"])
    before = metrics.ROWS_OMITTED.labels("activity")._value.get()
    listed = manager("GET", "/locker/v1/activity")
    assert listed.status_code == 200, listed.text
    shown = [entry["kind"] for entry in listed.json()["items"]]
    assert shown == [kind for kind in kinds if kind not in ("opened", "held")]
    assert metrics.ROWS_OMITTED.labels("activity")._value.get() == before + 2
