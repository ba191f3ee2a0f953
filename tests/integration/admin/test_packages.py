"""Packages with their labels, and bad ones that leave for a recycling factory, on both databases."""

from __future__ import annotations

import io
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from tests.integration.admin.support import (
    Ask,
    check,
    collect,
    fill,
    hire,
    moves,
    new_id,
    own,
    pack,
    problem,
    scan,
    the_own,
)
from tests.support.harness import Harness, user_id


@pytest.fixture
def rui(admin: Harness) -> Ask:
    return hire(admin, "rui", "deliveryman")


@pytest.fixture
def eva(admin: Harness) -> Ask:
    return hire(admin, "eva", "employee")


def picture_of(answer: httpx.Response) -> Image.Image:
    if answer.headers["Content-Type"] == "image/png":
        return Image.open(io.BytesIO(answer.content))
    assert answer.headers["Content-Type"] == "application/pdf"
    picture: Image.Image = pypdfium2.PdfDocument(answer.content)[0].render(scale=4).to_pil()
    return picture


@pytest.mark.parametrize("form", ["pdf", "png"])
def test_what_a_scanner_reads_from_the_label_moves_the_order(admin: Harness, rui: Ask, form: str) -> None:
    donation = new_id("dor")
    fill(admin, donation, new_id("dor"))
    package = pack(rui, donation)
    label = rui("GET", f"/admin/v1/packages/{package['id']}/label.{form}")
    assert label.headers["Content-Disposition"] == f'inline; filename="{package["tracking_code"]}.{form}"'
    found = zxingcpp.read_barcodes(picture_of(label).convert("L"))
    assert {str(code.format) for code in found} == {"QR Code", "Code 128"}
    assert {code.text for code in found} == {package["tracking_code"]}
    assert scan(rui, found[0].text).json()["state"] == "in_progress"


def test_an_order_has_one_package_however_often_it_is_asked_for(admin: Harness, rui: Ask) -> None:
    donation = new_id("dor")
    fill(admin, donation)
    body, key = {"order_id": donation}, uuid.uuid4().hex
    first = rui("POST", "/admin/v1/packages", json=body, key=key)
    assert first.headers["Location"] == f"/admin/v1/packages/{first.json()['id']}"
    assert rui("GET", first.headers["Location"]).json() == first.json()
    assert rui("POST", "/admin/v1/packages", json=body, key=key).json() == first.json()
    assert pack(rui, donation) == first.json()
    assert rui("POST", "/admin/v1/packages", json={"order_id": new_id("dor")}, key="other-key").status_code == 404


def test_a_manager_reads_every_package_and_its_assignee_only_while_at_work(
    admin: Harness, rui: Ask, eva: Ask, manager: Ask
) -> None:
    donation = new_id("dor")
    fill(admin, donation)
    [package] = collect(rui, [donation])
    path = f"/admin/v1/packages/{package['id']}"
    assert [ask("GET", path).status_code for ask in (rui, eva, manager)] == [404, 200, 200]
    check(eva, package, "good")
    assert [ask("GET", path).status_code for ask in (rui, eva, manager)] == [404, 404, 200]
    assert manager("GET", f"/admin/v1/packages/{new_id('pkg')}/label.pdf").status_code == 404


@pytest.mark.real_servers
def test_a_code_that_is_scanned_many_times_at_once_counts_once(admin: Harness, rui: Ask) -> None:
    orders = [new_id("dor"), new_id("dor")]
    fill(admin, *orders)
    codes = [pack(rui, order_id)["tracking_code"] for order_id in orders]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda code: scan(rui, code), codes * 3))
    assert sorted(answer.status_code for answer in answers).count(200) == 2
    assert {answer.status_code for answer in answers} <= {200, 403, 409}
    assert [move["state"] for move in moves(admin, "collecting")] == ["open", "assigned", "in_progress", "done"]


@pytest.fixture
def factory(manager: Ask) -> dict[str, Any]:
    body = {"name": "Fibra Nova", "address": "Covilhã", "email": "recolha@fibranova.example"}
    made: dict[str, Any] = manager("POST", "/admin/v1/factories", json=body, key="factory-1").json()
    return made


def make_bad(admin: Harness, rui: Ask, eva: Ask, result: str = "bad") -> dict[str, Any]:
    """A package that was collected and checked."""
    donation = new_id("dor")
    fill(admin, donation)
    [package] = collect(rui, [donation])
    check(eva, package, result)
    return package


def handover(ask: Ask, factory_id: str, *package_ids: str, key: str | None = None) -> httpx.Response:
    body = {"factory_id": factory_id, "package_ids": list(package_ids), "note": "Two bags"}
    return ask("POST", "/admin/v1/handovers", json=body, key=key or uuid.uuid4().hex)


def test_bad_packages_leave_for_a_factory_once(admin: Harness, rui: Ask, eva: Ask, factory: dict[str, Any]) -> None:
    packages = [make_bad(admin, rui, eva), make_bad(admin, rui, eva)]
    make_bad(admin, rui, eva, "good")
    waiting = eva("GET", "/admin/v1/bad-packages").json()["items"]
    assert [package["id"] for package in waiting] == [package["id"] for package in packages]
    answer = handover(eva, factory["id"], *(package["id"] for package in packages), key="handover-1")
    assert answer.status_code == 201
    recorded = answer.json()
    assert (recorded["factory_name"], recorded["recorded_by"]) == ("Fibra Nova", user_id("eva"))
    again = handover(eva, factory["id"], *(package["id"] for package in packages), key="handover-1")
    assert again.json() == recorded
    [told] = admin.published("admin.handover.recorded.v1")
    assert sorted(told["order_ids"]) == sorted(package["order_id"] for package in packages)
    assert (told["factory_id"], told["handover_id"]) == (factory["id"], recorded["id"])
    assert eva("GET", "/admin/v1/bad-packages").json()["items"] == []
    gone = eva("GET", "/admin/v1/bad-packages", params={"is_handed_over": "true"}).json()["items"]
    assert {package["handover_id"] for package in gone} == {recorded["id"]}
    assert eva("GET", "/admin/v1/handovers").json()["items"] == [recorded]
    assert eva("GET", answer.headers["Location"]).json() == recorded
    assert eva("GET", f"/admin/v1/handovers/{new_id('hov')}").status_code == 404


def test_what_cannot_leave_stays_with_all_that_was_to_go_with_it(
    admin: Harness, rui: Ask, eva: Ask, factory: dict[str, Any]
) -> None:
    bad, good = make_bad(admin, rui, eva), make_bad(admin, rui, eva, "good")
    donation = new_id("dor")
    fill(admin, donation)
    [unchecked] = collect(rui, [donation])
    for other in (good, unchecked):
        assert problem(handover(eva, factory["id"], bad["id"], other["id"])) == (409, "not-for-recycling")
    unknown = handover(eva, factory["id"], bad["id"], new_id("pkg"))
    assert problem(unknown) == (422, "unknown-in-handover")
    assert unknown.json()["errors"][0]["pointer"] == "/package_ids/1"
    assert problem(handover(eva, new_id("fac"), bad["id"])) == (422, "unknown-in-handover")
    assert handover(eva, factory["id"]).status_code == 400
    assert admin.published("admin.handover.recorded.v1") == []
    assert handover(eva, factory["id"], bad["id"]).status_code == 201
    assert problem(handover(eva, factory["id"], bad["id"])) == (409, "not-for-recycling")


@pytest.mark.real_servers
def test_two_handovers_of_one_package_at_once(admin: Harness, rui: Ask, eva: Ask, factory: dict[str, Any]) -> None:
    bad = make_bad(admin, rui, eva)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: handover(eva, factory["id"], bad["id"]), range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert len(admin.published("admin.handover.recorded.v1")) == 1


@pytest.mark.real_servers
def test_a_manager_keeps_the_factories(
    admin: Harness, rui: Ask, eva: Ask, manager: Ask, factory: dict[str, Any]
) -> None:
    path = f"/admin/v1/factories/{factory['id']}"
    body = {"name": "Fibra Nova", "address": "Elsewhere"}
    assert problem(manager("POST", "/admin/v1/factories", json=body, key="factory-2")) == (409, "name-taken")
    invalid = body | {"name": "Tecidos", "email": "Tecidos <recolha@tecidos.example>"}
    assert manager("POST", "/admin/v1/factories", json=invalid, key="factory-4").status_code == 400
    named = invalid | {"name": "Malhas", "email": "Recolha@Fibranóva.example"}
    made = manager("POST", "/admin/v1/factories", json=named, key="factory-5").json()
    assert made["email"] == "recolha@xn--fibranva-03a.example"
    assert manager("PATCH", f"/admin/v1/factories/{made['id']}", json={"is_active": False}).status_code == 200
    other = manager("POST", "/admin/v1/factories", json=body | {"name": "Tecidos"}, key="factory-3").json()
    assert other["email"] is None
    taken = manager("PATCH", f"/admin/v1/factories/{other['id']}", json={"name": "Fibra Nova"})
    assert problem(taken) == (409, "name-taken")
    closed = manager("PATCH", path, json={"is_active": False}, headers={"If-Match": '"1"'})
    assert (closed.json()["is_active"], closed.headers["ETag"]) == (False, '"2"')
    assert manager("PATCH", path, json={"name": "Late"}, headers={"If-Match": '"1"'}).status_code == 412
    assert manager("PATCH", path, json={}).status_code == 400
    assert eva("GET", path).json() == closed.json()
    for active, expected in (("true", [other["id"]]), ("false", [factory["id"], made["id"]])):
        found = eva("GET", "/admin/v1/factories", params={"is_active": active}).json()["items"]
        assert sorted(item["id"] for item in found) == sorted(expected)
    assert eva("PATCH", path, json={"is_active": True}).status_code == 403
    assert eva("GET", f"/admin/v1/factories/{new_id('fac')}").status_code == 404
    bad = make_bad(admin, rui, eva)
    assert problem(handover(eva, factory["id"], bad["id"])) == (409, "factory-closed")
    audits = [entry["action"] for entry in admin.published("admin.audit.recorded.v1")]
    assert audits.count("update_factory") == 2


def test_what_people_do_is_in_the_audit_trail(admin: Harness, rui: Ask, eva: Ask) -> None:
    make_bad(admin, rui, eva)
    fill(admin, new_id("dor"))
    [work_order, *_] = own(rui, "collecting", "assigned")
    rui("POST", f"/admin/v1/collecting-orders/{work_order['id']}/fail", json={"reason": "No key"})
    entries = admin.published("admin.audit.recorded.v1")
    by_action = {entry["action"]: entry for entry in entries}
    assert by_action["record_check"]["after"] == {"result": "bad"}
    assert by_action["fail_work_order"]["after"] == {"state": "failed", "reason": "No key"}
    assert by_action["fail_work_order"]["actor_id"] == user_id("rui")
    assert [entry["actor_id"] for entry in entries if entry["action"] == "scan_tracking_code"] == [
        user_id("rui"),
        user_id("eva"),
    ]
    assert the_own(eva, "checking")["state"] == "done"
