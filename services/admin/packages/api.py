"""Packages, their labels, and the scanning of their tracking codes."""

from __future__ import annotations

from typing import Any

import flask

from libs.chassis.idempotency import stable_id
from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.admin.packages import labels, packages, scans
from services.admin.packages.schemas import PackageSchema
from services.admin.packages.tables import Package
from services.admin.work.schemas import WorkOrderSchema

SCOPE_OF_ALL_PACKAGES = "admin:work-orders:monitor"


def create_package(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    package = packages.create(stable_id("pkg"), body["order_id"], principal().subject)
    return dict(PackageSchema().dump(package)), 201, {"Location": f"/admin/v1/packages/{package.id}"}


def get_package(package_id: str) -> dict[str, Any]:
    return dict(PackageSchema().dump(_get_visible(package_id)))


def get_label_pdf(package_id: str) -> flask.Response:
    code = _get_visible(package_id).tracking_code
    return _label(labels.as_pdf(code), "application/pdf", f"{code}.pdf")


def get_label_png(package_id: str) -> flask.Response:
    code = _get_visible(package_id).tracking_code
    return _label(labels.as_png(code), "image/png", f"{code}.png")


def _get_visible(package_id: str) -> Package:
    caller = principal()
    return packages.get_visible(package_id, caller.subject, sees_all=SCOPE_OF_ALL_PACKAGES in caller.scopes)


def _label(content: bytes, media_type: str, file_name: str) -> flask.Response:
    response = flask.Response(content, mimetype=media_type)
    response.headers["Content-Disposition"] = f'inline; filename="{file_name}"'
    return response


def scan_tracking_code(body: dict[str, Any]) -> dict[str, Any]:
    return dict(WorkOrderSchema().dump(scans.scan(body["tracking_code"], principal().subject)))


def list_bad_packages(is_handed_over: bool = False, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    return page(
        packages.select_bad(is_handed_over=is_handed_over),
        order_by=[(Package.checked_at, "asc"), (Package.id, "asc")],
        limit=limit,
        cursor=cursor,
        dump=PackageSchema().dump,
    )
