"""Locations, boxes, and holds of boxes for packages, with the demo data."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.exc import IntegrityError

from libs.chassis import clock, db
from libs.chassis.clock import rfc3339
from libs.chassis.deadlines import end_of_day
from libs.chassis.pagination import encode_cursor
from services.locker import demo
from services.locker.boxes.tables import Box
from services.locker.holds import deliveries, jobs
from services.locker.holds.tables import BoxRequest
from tests.integration.locker.support import paid_order
from tests.support.harness import Harness, running


@pytest.fixture
def locker(database_url: str) -> Iterator[Harness]:
    with running("locker", {"RECLOTHES_DATABASE_URL": database_url}) as harness:
        demo.load()
        yield harness


def locations(locker: Harness, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = locker.client.get("/locker/v1/locations", params=query).json()["items"]
    return items


def order_id(number: int) -> str:
    return f"bor_{number:032x}"


@pytest.mark.real_servers
def test_locations_are_public_and_sorted_by_name(locker: Harness) -> None:
    names = [item["name"] for item in locations(locker)]
    assert names == sorted(names)
    assert len(names) == len(demo.PLACES)


def test_the_demo_data_is_loaded_once(locker: Harness) -> None:
    demo.load()
    assert len(locations(locker)) == len(demo.PLACES)


def test_the_nearest_location_is_first_and_has_its_number_of_free_boxes(locker: Harness) -> None:
    nearest = locations(locker, near_lat=38.7135, near_lon=-9.1390)
    assert nearest[0]["name"] == "Rossio"
    assert nearest[0]["distance_m"] < 100
    assert nearest[0]["free_boxes"] == 16
    distances = [item["distance_m"] for item in nearest]
    assert distances == sorted(distances)


@pytest.mark.parametrize("query", [{}, {"near_lat": 38.7, "near_lon": -9.1}])
@pytest.mark.real_servers
def test_pages_contain_each_location_once(locker: Harness, query: dict[str, float]) -> None:
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = locker.client.get("/locker/v1/locations", params={**query, **cursor, "limit": 5}).json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == len(set(seen)) == len(demo.PLACES)


@pytest.mark.parametrize(
    "query",
    [{"near_lat": 38.7}, {"near_lon": 1}, {"near_lat": 91, "near_lon": 0}, {"cursor": "nonsense"}, {"x": 1}],
)
def test_an_invalid_query_is_rejected_with_a_pointer(locker: Harness, query: dict[str, Any]) -> None:
    response = locker.client.get("/locker/v1/locations", params=query)
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"].startswith("query/")


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ({"near_lat": 38.7, "near_lon": -9.1}, ["Rossio", "loc_1"]),
        ({"near_lat": 38.7, "near_lon": -9.1}, [None, None]),
        ({}, [1200, "loc_1"]),
        ({}, [None, None]),
        ({}, ["\ud800", "loc_1"]),
    ],
)
def test_the_cursor_of_another_list_is_rejected(locker: Harness, query: dict[str, Any], values: list[Any]) -> None:
    response = locker.client.get("/locker/v1/locations", params={**query, "cursor": encode_cursor(values)})
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "query/cursor"


@pytest.mark.parametrize("query", [{}, {"near_lat": 38.7, "near_lon": -9.1}])
def test_the_number_of_statements_does_not_grow_with_the_page(locker: Harness, query: dict[str, Any]) -> None:
    statements: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(db.engine(), "before_cursor_execute", record)
    counts = []
    for limit in (1, 12):
        statements.clear()
        assert len(locations(locker, **query, limit=limit)) == limit
        counts.append(len(statements))
    event.remove(db.engine(), "before_cursor_execute", record)
    # The radius of the search grows four times at most.
    assert 0 < counts[0] <= counts[1] <= counts[0] + (3 if query else 0)


def test_a_location_is_read_by_id(locker: Harness) -> None:
    location = locations(locker)[0]
    assert locker.client.get(f"/locker/v1/locations/{location['id']}").json() == location
    assert locker.client.get(f"/locker/v1/locations/loc_{'0' * 32}").status_code == 404


def test_a_paid_order_holds_one_box_at_its_pickup_location(locker: Harness) -> None:
    location = locations(locker)[0]
    for _ in range(2):
        locker.deliver("customer.buying_order.paid.v1", paid_order(location["id"], order_id(1)))
    client = locker.as_user("employee", "locker:boxes:read", "internal")
    query = {"location_id": location["id"], "state": "held"}
    [box] = client("GET", "/locker/v1/boxes", params=query).json()["items"]
    assert box["held_for_order_id"] == order_id(1)
    assert box["held_until"] == rfc3339(end_of_day(clock.now(), 7, location["time_zone"]))
    assert locations(locker)[0]["free_boxes"] == location["free_boxes"] - 1
    assert len(locker.published("locker.box.held.v1")) == 1


def test_an_order_waits_at_a_full_location_for_a_free_box(locker: Harness) -> None:
    location = locations(locker)[0]
    with db.unit_of_work() as session:
        boxes = update(Box).where(Box.location_id == location["id"])
        session.execute(boxes.values(state="occupied"))
    locker.deliver("customer.buying_order.paid.v1", paid_order(location["id"], order_id(1)))
    assert locker.published("locker.box.held.v1") == []
    jobs.serve_box_requests()
    assert locker.published("locker.box.held.v1") == []
    with db.unit_of_work() as session:
        session.execute(boxes.values(state="free"))
    for _ in range(2):
        jobs.serve_box_requests()
    assert len(locker.published("locker.box.held.v1")) == 1


def test_a_full_location_does_not_block_the_others(locker: Harness) -> None:
    full, other = locations(locker)[:2]
    with db.unit_of_work() as session:
        session.execute(update(Box).where(Box.location_id == full["id"]).values(state="occupied"))
        for number in range(60):
            row = BoxRequest(order_id=order_id(number), location_id=full["id"], requested_at=clock.now())
            session.add(row)
        last = BoxRequest(order_id=order_id(99), location_id=other["id"], requested_at=clock.now())
        session.add(last)
    jobs.serve_box_requests()
    assert [event["order_id"] for event in locker.published("locker.box.held.v1")] == [order_id(99)]


def test_the_order_that_has_waited_longest_gets_the_first_free_box(locker: Harness) -> None:
    location = locations(locker)[0]
    with db.unit_of_work() as session:
        boxes = update(Box).where(Box.location_id == location["id"])
        session.execute(boxes.values(state="occupied"))
    for number in (3, 1, 2):
        locker.deliver("customer.buying_order.paid.v1", paid_order(location["id"], order_id(number)))
    with db.unit_of_work() as session:
        box = session.scalars(select(Box).where(Box.location_id == location["id"])).first()
        assert box is not None
        box.state = "free"
    jobs.serve_box_requests()
    assert [event["order_id"] for event in locker.published("locker.box.held.v1")] == [order_id(3)]


@pytest.mark.real_servers
def test_a_label_is_unique_at_a_location(locker: Harness) -> None:
    location_id = locations(locker)[0]["id"]
    with pytest.raises(IntegrityError), db.unit_of_work() as session:
        session.add(Box(id=f"box_{1:032x}", location_id=location_id, label="A1", state="free"))


def test_pages_contain_each_box_once(locker: Harness) -> None:
    location = locations(locker)[0]
    client = locker.as_user("employee", "locker:boxes:read", "internal")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        query = {"location_id": location["id"], "limit": 5, **cursor}
        response = client("GET", "/locker/v1/boxes", params=query).json()
        seen += [box["id"] for box in response["items"]]
        if response["next_cursor"] is None:
            break
        cursor = {"cursor": response["next_cursor"]}
    assert len(seen) == len(set(seen)) == location["free_boxes"]


def test_only_staff_reads_and_changes_boxes(locker: Harness) -> None:
    assert locker.client.get("/locker/v1/boxes").status_code == 401
    assert locker.as_user("buyer", "customer:profile")("GET", "/locker/v1/boxes").status_code == 403
    employee = locker.as_user("employee", "locker:boxes:read", "internal")
    assert employee("PATCH", f"/locker/v1/boxes/box_{1:032x}", json={"state": "free"}).status_code == 403


@pytest.mark.real_servers
def test_concurrent_orders_get_a_box_each(locker: Harness) -> None:
    location = locations(locker)[0]
    count = location["free_boxes"]

    def deliver(number: int) -> None:
        locker.deliver("customer.buying_order.paid.v1", paid_order(location["id"], order_id(number)))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(deliver, range(count)))
    held = locker.published("locker.box.held.v1")
    assert len({event["box_id"] for event in held}) == count
    assert locations(locker)[0]["free_boxes"] == 0


def test_a_manager_takes_a_box_out_of_service_and_puts_it_back(locker: Harness) -> None:
    client = locker.as_user("manager", "locker:boxes:read locker:boxes:write", "internal")
    box = client("GET", "/locker/v1/boxes", params={"state": "free", "limit": 1}).json()["items"][0]
    path = f"/locker/v1/boxes/{box['id']}"
    assert client("PATCH", path, json={"state": "out_of_service"}).status_code == 422
    assert client("PATCH", path, json={"state": "out_of_service", "reason": "  "}).status_code == 400
    out = client("PATCH", path, json={"state": "out_of_service", "reason": "The door jams"}).json()
    assert (out["state"], out["out_of_service_reason"]) == ("out_of_service", "The door jams")
    assert client("PATCH", path, json={"state": "free"}).json()["state"] == "free"
    assert client("PATCH", path, json={"state": "free"}).status_code == 409
    audited = locker.published("locker.audit.recorded.v1")
    assert [(entry["action"], entry["target"]) for entry in audited] == [("update_box", box["id"])] * 2
    assert audited[0]["before"] == audited[1]["after"] == {"state": "free", "reason": None}
    assert audited[0]["after"] == audited[1]["before"] == {"state": "out_of_service", "reason": "The door jams"}
    assert client("PATCH", f"/locker/v1/boxes/box_{'0' * 32}", json={"state": "free"}).status_code == 404


def test_a_held_box_cannot_be_taken_out_of_service(locker: Harness) -> None:
    location = locations(locker)[0]
    with db.unit_of_work():
        box = deliveries.hold_for_package(order_id(7), location["id"])
    assert box is not None
    client = locker.as_user("manager", "locker:boxes:write", "internal")
    response = client("PATCH", f"/locker/v1/boxes/{box.id}", json={"state": "out_of_service", "reason": "dirty"})
    assert response.status_code == 409
