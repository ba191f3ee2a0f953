"""Photos of a check: uploaded to S3, and shown with its result (story d-po-02)."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from PIL import Image

from libs.chassis import settings
from services.admin.checks import photos
from tests.integration.admin.support import (
    Send,
    collect,
    get_own,
    hire,
    list_own,
    new_id,
    problem_of,
    reach_threshold,
    scan,
)
from tests.support.harness import Harness, running


@pytest.fixture
def admin(database_url: str, aws_endpoint: str) -> Iterator[Harness]:
    environment = {
        "RECLOTHES_DATABASE_URL": database_url,
        "RECLOTHES_AWS_ENDPOINT_URL": aws_endpoint,
    }
    with running("admin", environment) as harness:
        photos.photo_bucket().create_if_missing()
        yield harness


@dataclass
class Check:
    """Eva's checking order."""

    eva: Send
    id: str
    tracking_code: str

    @property
    def path(self) -> str:
        return f"/admin/v1/checking-orders/{self.id}"

    def announce(self, send: Send | None = None, **changes: Any) -> httpx.Response:
        body = {"content_type": "image/png", "size": 100} | changes
        return (send or self.eva)("POST", f"{self.path}/photos", json=body, key=uuid.uuid4().hex)

    def upload(self, content: bytes, announced: int | None = None) -> str:
        upload = self.announce(size=announced or len(content)).json()
        form = upload["upload"]
        httpx.post(form["url"], data=form["fields"], files={"file": ("photo", content)})
        photo_id: str = upload["photo_id"]
        return photo_id

    def record(self, *photo_ids: str) -> httpx.Response:
        return self.eva("POST", f"{self.path}/result", json={"result": "bad", "photo_ids": list(photo_ids)})


@pytest.fixture
def check(admin: Harness) -> Check:
    """A check in progress, assigned to eva."""
    rui, eva = hire(admin, "rui", "deliveryman"), hire(admin, "eva", "employee")
    donation = new_id("dor")
    reach_threshold(admin, donation)
    [package] = collect(rui, [donation])
    scan(eva, package["tracking_code"])
    return Check(eva, get_own(eva, "checking")["id"], package["tracking_code"])


def picture() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (60, 80), "navy").save(content, "PNG")
    return content.getvalue()


def test_photos_of_a_result_are_read_at_urls_that_expire(check: Check) -> None:
    content = picture()
    photo_ids = [check.upload(content), check.upload(content)]
    assert check.eva("GET", check.path).json()["photos"] == []
    done = check.record(*photo_ids).json()
    assert [photo["id"] for photo in done["photos"]] == photo_ids
    for photo in check.eva("GET", check.path).json()["photos"]:
        assert httpx.get(photo["url"]).content == content
        assert "X-Amz-Expires=900" in photo["url"]


def test_a_result_with_an_invalid_photo_is_rejected_and_not_recorded(check: Check) -> None:
    good = check.upload(picture())
    unknown = check.record(good, new_id("pho"))
    assert problem_of(unknown) == (422, "unknown-photo")
    assert unknown.json()["errors"][0]["pointer"] == "/photo_ids/1"
    assert problem_of(check.record(good, check.upload(b"#!/bin/sh\n"))) == (422, "not-an-image")
    mismatch = check.upload(picture(), announced=len(picture()) + 1)
    assert problem_of(check.record(mismatch)) == (422, "photo-mismatch")
    assert problem_of(check.record(check.announce().json()["photo_id"])) == (409, "photo-not-uploaded")
    work_order = check.eva("GET", check.path).json()
    assert (work_order["state"], work_order["result"], work_order["photos"]) == ("in_progress", None, [])


def test_a_photo_of_another_check_is_unknown(admin: Harness, check: Check) -> None:
    rui = admin.as_user("rui", "admin:collecting-orders admin:packages", "internal", roles=["deliveryman"])
    donation = new_id("dor")
    reach_threshold(admin, donation)
    [package] = collect(rui, [donation])
    scan(check.eva, package["tracking_code"])
    [other_id] = {work_order["id"] for work_order in list_own(check.eva, "checking")} - {check.id}
    other = Check(check.eva, other_id, package["tracking_code"])
    assert problem_of(check.record(other.upload(picture()))) == (422, "unknown-photo")


def test_photos_have_limits_of_size_type_and_number(check: Check) -> None:
    assert problem_of(check.announce(size=10 * 1024 * 1024 + 1)) == (400, "bad-request")
    assert problem_of(check.announce(content_type="image/svg+xml")) == (400, "bad-request")
    for _ in range(photos.MAX_PHOTOS):
        assert check.announce().status_code == 201
    assert problem_of(check.announce()) == (409, "too-many-photos")


def test_expired_announcements_do_not_count(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "FORM_VALID_FOR", timedelta(seconds=-1))
    for _ in range(photos.MAX_PHOTOS + 1):
        assert check.announce().status_code == 201


def test_a_result_has_a_limited_number_of_photos(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    photo_ids = [check.upload(picture()) for _ in range(3)]
    assert problem_of(check.record(check.upload(picture()[:-30]))) == (422, "not-an-image")
    monkeypatch.setattr(photos, "MAX_PHOTOS", 2)
    assert problem_of(check.record(*photo_ids)) == (409, "too-many-photos")
    assert check.record(*photo_ids[:2]).status_code == 200


def test_photos_are_announced_only_for_own_active_checks(admin: Harness, check: Check) -> None:
    ana = hire(admin, "ana", "employee")
    assert problem_of(check.announce(ana)) == (404, "not-found")
    assert check.record().status_code == 200
    assert problem_of(check.announce()) == (409, "illegal-transition")


def test_a_check_is_not_recorded_while_the_photo_store_is_down(check: Check) -> None:
    photo_id = check.upload(picture())
    with settings.overridden(aws_endpoint_url="http://127.0.0.1:9"):
        assert problem_of(check.record(photo_id)) == (503, "photo-store-unavailable")
        assert check.eva("GET", check.path).json()["state"] == "in_progress"
    assert check.record(photo_id).json()["state"] == "done"
