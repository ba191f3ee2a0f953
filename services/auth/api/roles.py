"""Roles and the catalogue of permissions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.etags import etag_of
from libs.chassis.pagination import page
from services.auth import roles, scopes
from services.auth.models import Role
from services.auth.schemas import PermissionSchema, RoleSchema

Answer = tuple[dict[str, Any], int, dict[str, str]]


def get_permissions() -> dict[str, Any]:
    return {"items": PermissionSchema(many=True).dump(scopes.catalogue().values())}


def list_roles(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    by_name = [(Role.name, "asc")]
    return page(select(Role), order_by=by_name, limit=limit, cursor=cursor, dump=RoleSchema().dump)  # type: ignore[arg-type]


def create_role(body: dict[str, Any]) -> Answer:
    made = roles.create(body["name"], body["description"], body["permissions"])
    return _answer(made, 201, {"Location": f"/auth/v1/roles/{made.name}"})


def get_role(role: str) -> Answer:
    return _answer(roles.read(role))


def update_role(role: str, body: dict[str, Any]) -> Answer:
    return _answer(roles.change(role, body.get("description"), body.get("permissions")))


def remove_role(role: str) -> tuple[None, int]:
    roles.remove(role)
    return None, 204


def _answer(role: Role, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return RoleSchema().dump(role), status, {"ETag": etag_of(role.version)} | (headers or {})
