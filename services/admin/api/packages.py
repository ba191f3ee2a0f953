"""Packages, their labels, and the scanning of their codes."""

from __future__ import annotations

from typing import Any

import flask

from libs.chassis.idempotency import stable_id
from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.admin import labels, packages, scans
from services.admin.models import Package
from services.admin.schemas import PackageSchema, WorkOrderSchema

SEES_ALL = frozenset({"admin:work-orders:monitor"})
LABELS = {"pdf": ("application/pdf", labels.as_pdf), "png": ("image/png", labels.as_png)}


def create_package(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    package = packages.create(stable_id("pkg"), body["order_id"], principal().subject)
    return dict(PackageSchema().dump(package)), 201, {"Location": f"/admin/v1/packages/{package.id}"}


def _visible(package_id: str) -> Package:
    who = principal()
    return packages.get_visible(package_id, who.subject, sees_all=bool(SEES_ALL & who.scopes))


def get_package(package_id: str) -> dict[str, Any]:
    return dict(PackageSchema().dump(_visible(package_id)))


def get_label_pdf(package_id: str) -> flask.Response:
    return _label(package_id, "pdf")


def get_label_png(package_id: str) -> flask.Response:
    return _label(package_id, "png")


def _label(package_id: str, form: str) -> flask.Response:
    code = _visible(package_id).tracking_code
    media_type, draw = LABELS[form]
    answer = flask.Response(draw(code), mimetype=media_type)
    answer.headers["Content-Disposition"] = f'inline; filename="{code}.{form}"'
    return answer


def scan_tracking_code(body: dict[str, Any]) -> dict[str, Any]:
    return dict(WorkOrderSchema().dump(scans.scan(body["tracking_code"], principal().subject)))


def list_bad_packages(is_handed_over: bool = False, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    return page(
        packages.bad(handed_over=is_handed_over),
        order_by=[(Package.checked_at, "asc"), (Package.id, "asc")],
        limit=limit,
        cursor=cursor,
        dump=PackageSchema().dump,
    )
