"""Roles and the catalogue of permissions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import select

from libs.chassis.etags import etag_of
from libs.chassis.pagination import page
from services.auth.roles import administration
from services.auth.roles.permissions import load_catalogue
from services.auth.roles.schemas import RoleSchema
from services.auth.roles.tables import Role

Response = tuple[dict[str, Any], int, dict[str, str]]


def get_permissions() -> dict[str, Any]:
    return {"items": [asdict(permission) for permission in load_catalogue().values()]}


def list_roles(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    by_name = [(Role.name, "asc")]
    return page(select(Role), order_by=by_name, limit=limit, cursor=cursor, dump=RoleSchema().dump)  # type: ignore[arg-type]


def create_role(body: dict[str, Any]) -> Response:
    role = administration.create(body["name"], body["description"], body["permissions"])
    return _render(role, 201, {"Location": f"/auth/v1/roles/{role.name}"})


def get_role(role: str) -> Response:
    return _render(administration.get(role))


def update_role(role: str, body: dict[str, Any]) -> Response:
    return _render(administration.update(role, body.get("description"), body.get("permissions")))


def remove_role(role: str) -> tuple[None, int]:
    administration.remove(role)
    return None, 204


def _render(role: Role, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return RoleSchema().dump(role), status, {"ETag": etag_of(role.version)} | (headers or {})
