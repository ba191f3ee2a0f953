"""A row or an event that cannot be processed does not block the others."""

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
from services.locker.controllers import door_events
from services.locker.holds import box_holds, jobs
from services.locker.holds.tables import BoxRequest
from tests.integration.locker.support import (
    Site,
    create_client,
    create_site,
    deliver_order_cancelled,
    deliver_order_paid,
    hold_box,
    make_deposit,
    new_id,
    open_doors,
)
from tests.support.harness import Harness


def count_failures(job: str) -> float:
    return metrics.JOB_ITEMS_FAILED.labels(job)._value.get()


def test_a_hold_that_cannot_be_released_does_not_block_others(
    locker: Harness, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, _ = hold_box(locker, site)
    others = [hold_box(locker, site)[0] for _ in range(2)]
    with db.unit_of_work() as session:
        session.execute(update(Box).where(Box.state == "held").values(held_until=now() - timedelta(hours=1)))
    free = storage.free

    def free_or_fail(box: Box) -> bool:
        if box.held_for_order_id == broken:
            raise ValueError("broken")
        return free(box)

    monkeypatch.setattr(storage, "free", free_or_fail)
    before = count_failures("release overdue holds")
    jobs.release_overdue_holds()
    assert count_failures("release overdue holds") == before + 1
    with db.unit_of_work(reads_only=True) as session:
        held = session.scalars(select(Box.held_for_order_id).where(Box.state == "held")).all()
    assert (held, set(others) & set(held)) == ([broken], set())


def test_an_order_that_cannot_be_served_does_not_block_others(
    locker: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = create_site(locker, boxes=1)
    first, broken, waiting = (new_id("bor") for _ in range(3))
    for order_id in (first, broken, waiting):
        deliver_order_paid(locker, site, order_id)
    deliver_order_cancelled(locker, site, first)
    original = box_holds.hold

    def hold_or_fail(order_id: str, location_id: str) -> Box:
        if order_id == broken:
            raise ValueError("broken")
        return original(order_id, location_id)

    monkeypatch.setattr(box_holds, "hold", hold_or_fail)
    before = count_failures("serve box requests")
    jobs.serve_box_requests()
    assert count_failures("serve box requests") == before + 1
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalars(select(Box.held_for_order_id)).all() == [waiting]
        assert session.scalars(select(BoxRequest.order_id)).all() == [broken]


def test_an_event_that_cannot_be_applied_is_an_anomaly_and_later_events_are_applied(
    locker: Harness, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, response = hold_box(locker, site)
    assert response.status_code == 200
    [opening] = open_doors(create_client(locker, "ines"), site, order_id=order_id).json()["openings"]
    opened = site.event("opened", grant_id=opening["grant_id"])
    closed = site.event("closed", grant_id=opening["grant_id"], is_occupied=True)

    def fail(*_: object) -> bool:
        raise ValueError("broken")

    before = count_failures("controller events")
    with monkeypatch.context() as patch:
        patch.setattr(door_events, "apply_closed_door", fail)
        response = site.report(opened, closed)
    assert (response.status_code, response.json()["next_sequence"]) == (200, 3)
    assert count_failures("controller events") == before + 1
    assert site.report(opened, closed).json()["next_sequence"] == 3
    with db.unit_of_work(reads_only=True) as session:
        anomalies = session.scalars(select(Activity).where(Activity.kind == "anomaly")).all()
        assert [(entry.details["sequence"], entry.details["event"]) for entry in anomalies] == [(2, closed)]
    _, box_id = make_deposit(locker, site, "rui")
    assert site.states_by_box()[box_id] == "occupied", "later events are applied"


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("", {}, Exception(2013, "Lost connection")),
        InterfaceError("", {}, Exception(0, "")),
        PoolTimeout(),
        IntegrityError("", {}, Exception(1062, "Duplicate entry")),
        StaleDataError(),
        Unavailable(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_event_that_fails_for_a_transient_reason_is_applied_when_it_is_repeated(
    locker: Harness, site: Site, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    order_id, response = hold_box(locker, site)
    [opening] = open_doors(create_client(locker, "ines"), site, order_id=order_id).json()["openings"]
    opened = site.event("opened", grant_id=opening["grant_id"])
    closed = site.event("closed", grant_id=opening["grant_id"], is_occupied=True)

    def fail(*_: object) -> bool:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(door_events, "apply_closed_door", fail)
        assert site.report(opened, closed).status_code >= 400
    assert site.report(opened, closed).status_code == 200
    assert site.states_by_box()[response.json()["box_id"]] == "occupied"


def test_an_activity_that_cannot_be_rendered_is_omitted_from_the_list(locker: Harness, site: Site) -> None:
    make_deposit(locker, site)
    with db.unit_of_work() as session:
        kinds = session.scalars(select(Activity.kind).order_by(Activity.at.desc(), Activity.id.desc())).all()
        session.execute(text("UPDATE activity SET details = '{broken' WHERE kind = 'opened'"))
        session.execute(text("UPDATE activity SET order_id = 'no order' WHERE kind = 'held'"))
    manager = locker.as_user("marta", "locker:activity:read", kind="internal", roles=["manager"])
    before = metrics.ROWS_OMITTED.labels("activity")._value.get()
    response = manager("GET", "/locker/v1/activity")
    assert response.status_code == 200, response.text
    listed = [entry["kind"] for entry in response.json()["items"]]
    assert listed == [kind for kind in kinds if kind not in ("opened", "held")]
    assert metrics.ROWS_OMITTED.labels("activity")._value.get() == before + 2
