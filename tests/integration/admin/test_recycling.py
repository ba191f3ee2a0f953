"""Handovers of bad packages to recycling factories."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.admin.support import Send, check_donation, collect, new_id, problem_of, reach_threshold
from tests.support.harness import Harness, user_id


@pytest.fixture
def factory(manager: Send) -> dict[str, Any]:
    body = {"name": "Fibra Nova", "address": "Covilhã", "email": "recolha@fibranova.example"}
    created: dict[str, Any] = manager("POST", "/admin/v1/factories", json=body, key="factory-1").json()
    return created


def record_handover(send: Send, factory_id: str, *package_ids: str, key: str | None = None) -> httpx.Response:
    body = {"factory_id": factory_id, "package_ids": list(package_ids), "note": "Two bags"}
    return send("POST", "/admin/v1/handovers", json=body, key=key or uuid.uuid4().hex)


def test_bad_packages_are_handed_over_once(admin: Harness, rui: Send, eva: Send, factory: dict[str, Any]) -> None:
    packages = [check_donation(admin, rui, eva), check_donation(admin, rui, eva)]
    check_donation(admin, rui, eva, "good")
    bad = eva("GET", "/admin/v1/bad-packages").json()["items"]
    assert [package["id"] for package in bad] == [package["id"] for package in packages]
    response = record_handover(eva, factory["id"], *(package["id"] for package in packages), key="handover-1")
    assert response.status_code == 201
    recorded = response.json()
    assert (recorded["factory_name"], recorded["recorded_by"]) == ("Fibra Nova", user_id("eva"))
    again = record_handover(eva, factory["id"], *(package["id"] for package in packages), key="handover-1")
    assert again.json() == recorded
    [event] = admin.published("admin.handover.recorded.v1")
    assert sorted(event["order_ids"]) == sorted(package["order_id"] for package in packages)
    assert (event["factory_id"], event["handover_id"]) == (factory["id"], recorded["id"])
    assert eva("GET", "/admin/v1/bad-packages").json()["items"] == []
    handed_over = eva("GET", "/admin/v1/bad-packages", params={"is_handed_over": "true"}).json()["items"]
    assert {package["handover_id"] for package in handed_over} == {recorded["id"]}
    assert eva("GET", "/admin/v1/handovers").json()["items"] == [recorded]
    assert eva("GET", response.headers["Location"]).json() == recorded
    assert eva("GET", f"/admin/v1/handovers/{new_id('hov')}").status_code == 404


def test_a_handover_with_an_invalid_package_changes_nothing(
    admin: Harness, rui: Send, eva: Send, factory: dict[str, Any]
) -> None:
    bad, good = check_donation(admin, rui, eva), check_donation(admin, rui, eva, "good")
    donation = new_id("dor")
    reach_threshold(admin, donation)
    [unchecked] = collect(rui, [donation])
    for other in (good, unchecked):
        assert problem_of(record_handover(eva, factory["id"], bad["id"], other["id"])) == (409, "not-for-recycling")
    unknown = record_handover(eva, factory["id"], bad["id"], new_id("pkg"))
    assert problem_of(unknown) == (422, "unknown-in-handover")
    assert unknown.json()["errors"][0]["pointer"] == "/package_ids/1"
    assert problem_of(record_handover(eva, new_id("fac"), bad["id"])) == (422, "unknown-in-handover")
    assert record_handover(eva, factory["id"]).status_code == 400
    assert admin.published("admin.handover.recorded.v1") == []
    assert record_handover(eva, factory["id"], bad["id"]).status_code == 201
    assert problem_of(record_handover(eva, factory["id"], bad["id"])) == (409, "not-for-recycling")


@pytest.mark.real_servers
def test_one_of_several_concurrent_handovers_of_a_package_succeeds(
    admin: Harness, rui: Send, eva: Send, factory: dict[str, Any]
) -> None:
    bad = check_donation(admin, rui, eva)
    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda _: record_handover(eva, factory["id"], bad["id"]), range(4)))
    assert sorted(response.status_code for response in responses) == [201, 409, 409, 409]
    assert len(admin.published("admin.handover.recorded.v1")) == 1


@pytest.mark.real_servers
def test_a_manager_administers_the_factories(
    admin: Harness, rui: Send, eva: Send, manager: Send, factory: dict[str, Any]
) -> None:
    path = f"/admin/v1/factories/{factory['id']}"
    body = {"name": "Fibra Nova", "address": "Elsewhere"}
    assert problem_of(manager("POST", "/admin/v1/factories", json=body, key="factory-2")) == (409, "name-taken")
    invalid = body | {"name": "Tecidos", "email": "Tecidos <recolha@tecidos.example>"}
    assert manager("POST", "/admin/v1/factories", json=invalid, key="factory-4").status_code == 400
    with_idn = invalid | {"name": "Malhas", "email": "Recolha@Fibranóva.example"}
    inactive = manager("POST", "/admin/v1/factories", json=with_idn, key="factory-5").json()
    assert inactive["email"] == "recolha@xn--fibranva-03a.example"
    assert manager("PATCH", f"/admin/v1/factories/{inactive['id']}", json={"is_active": False}).status_code == 200
    other = manager("POST", "/admin/v1/factories", json=body | {"name": "Tecidos"}, key="factory-3").json()
    assert other["email"] is None
    taken = manager("PATCH", f"/admin/v1/factories/{other['id']}", json={"name": "Fibra Nova"})
    assert problem_of(taken) == (409, "name-taken")
    closed = manager("PATCH", path, json={"is_active": False}, headers={"If-Match": '"1"'})
    assert (closed.json()["is_active"], closed.headers["ETag"]) == (False, '"2"')
    assert manager("PATCH", path, json={"name": "Late"}, headers={"If-Match": '"1"'}).status_code == 412
    assert manager("PATCH", path, json={}).status_code == 400
    assert eva("GET", path).json() == closed.json()
    for active, expected in (("true", [other["id"]]), ("false", [factory["id"], inactive["id"]])):
        items = eva("GET", "/admin/v1/factories", params={"is_active": active}).json()["items"]
        assert sorted(item["id"] for item in items) == sorted(expected)
    assert eva("PATCH", path, json={"is_active": True}).status_code == 403
    assert eva("GET", f"/admin/v1/factories/{new_id('fac')}").status_code == 404
    bad = check_donation(admin, rui, eva)
    assert problem_of(record_handover(eva, factory["id"], bad["id"])) == (409, "factory-closed")
    audits = [entry["action"] for entry in admin.published("admin.audit.recorded.v1")]
    assert audits.count("update_factory") == 2
