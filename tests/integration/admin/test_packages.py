"""Packages with their labels and tracking codes."""

from __future__ import annotations

import io
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from tests.integration.admin.support import (
    Send,
    check_donation,
    collect,
    create_package,
    get_own,
    list_own,
    new_id,
    reach_threshold,
    record_check,
    scan,
    state_changes,
)
from tests.support.harness import Harness, user_id


def picture_of(response: httpx.Response) -> Image.Image:
    if response.headers["Content-Type"] == "image/png":
        return Image.open(io.BytesIO(response.content))
    assert response.headers["Content-Type"] == "application/pdf"
    picture: Image.Image = pypdfium2.PdfDocument(response.content)[0].render(scale=4).to_pil()
    return picture


@pytest.mark.parametrize("form", ["pdf", "png"])
def test_scanning_the_label_advances_the_work_order(admin: Harness, rui: Send, form: str) -> None:
    donation = new_id("dor")
    reach_threshold(admin, donation, new_id("dor"))
    package = create_package(rui, donation)
    label = rui("GET", f"/admin/v1/packages/{package['id']}/label.{form}")
    assert label.headers["Content-Disposition"] == f'inline; filename="{package["tracking_code"]}.{form}"'
    codes = zxingcpp.read_barcodes(picture_of(label).convert("L"))
    assert {str(code.format) for code in codes} == {"QR Code", "Code 128"}
    assert {code.text for code in codes} == {package["tracking_code"]}
    assert scan(rui, codes[0].text).json()["state"] == "in_progress"


def test_repeated_requests_create_one_package(admin: Harness, rui: Send) -> None:
    donation = new_id("dor")
    reach_threshold(admin, donation)
    body, key = {"order_id": donation}, uuid.uuid4().hex
    first = rui("POST", "/admin/v1/packages", json=body, key=key)
    assert first.headers["Location"] == f"/admin/v1/packages/{first.json()['id']}"
    assert rui("GET", first.headers["Location"]).json() == first.json()
    assert rui("POST", "/admin/v1/packages", json=body, key=key).json() == first.json()
    assert create_package(rui, donation) == first.json()
    assert rui("POST", "/admin/v1/packages", json={"order_id": new_id("dor")}, key="other-key").status_code == 404


def test_a_manager_reads_every_package_and_others_only_those_of_their_active_work(
    admin: Harness, rui: Send, eva: Send, manager: Send
) -> None:
    donation = new_id("dor")
    reach_threshold(admin, donation)
    [package] = collect(rui, [donation])
    path = f"/admin/v1/packages/{package['id']}"
    assert [send("GET", path).status_code for send in (rui, eva, manager)] == [404, 200, 200]
    record_check(eva, package, "good")
    assert [send("GET", path).status_code for send in (rui, eva, manager)] == [404, 404, 200]
    assert manager("GET", f"/admin/v1/packages/{new_id('pkg')}/label.pdf").status_code == 404


@pytest.mark.real_servers
def test_concurrent_scans_of_a_code_count_once(admin: Harness, rui: Send) -> None:
    orders = [new_id("dor"), new_id("dor")]
    reach_threshold(admin, *orders)
    codes = [create_package(rui, order_id)["tracking_code"] for order_id in orders]
    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda code: scan(rui, code), codes * 3))
    assert sorted(response.status_code for response in responses).count(200) == 2
    assert {response.status_code for response in responses} <= {200, 403, 409}
    assert [change["state"] for change in state_changes(admin, "collecting")] == [
        "open",
        "assigned",
        "in_progress",
        "done",
    ]


def test_checks_failures_and_scans_are_in_the_audit_trail(admin: Harness, rui: Send, eva: Send) -> None:
    check_donation(admin, rui, eva)
    reach_threshold(admin, new_id("dor"))
    [work_order, *_] = list_own(rui, "collecting", "assigned")
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
    assert get_own(eva, "checking")["state"] == "done"
