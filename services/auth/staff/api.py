"""Internal users, for managers."""

from __future__ import annotations

from typing import Any

from libs.chassis.etags import etag_of
from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.auth.accounts import users
from services.auth.accounts.tables import User
from services.auth.staff import administration
from services.auth.staff.schemas import StaffSchema

Response = tuple[dict[str, Any], int, dict[str, str]]


def list_staff(
    limit: int = 20, cursor: str | None = None, role: str | None = None, state: str | None = None
) -> dict[str, Any]:
    return page(
        administration.select_staff(role, state),
        order_by=[(User.created_at, "asc"), (User.id, "asc")],
        limit=limit,
        cursor=cursor,
        dump=StaffSchema().dump,
    )


def create_staff_member(body: dict[str, Any]) -> Response:
    user = administration.create(body["email"], body["full_name"], body["roles"])
    return _render(user, 201, {"Location": f"/auth/v1/staff/{user.id}"})


def get_staff_member(user_id: str) -> Response:
    return _render(users.get(user_id, "internal"))


def update_staff_member(user_id: str, body: dict[str, Any]) -> Response:
    return _render(administration.update(user_id, body.get("full_name"), body.get("roles")))


def remove_staff_member(user_id: str) -> tuple[None, int]:
    administration.remove(user_id, by=principal().subject)
    return None, 204


def reset_staff_password(user_id: str) -> tuple[dict[str, str], int]:
    administration.reset_password(user_id)
    return {"status": "mail_sent"}, 202


def _render(user: User, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return StaffSchema().dump(user), status, {"ETag": etag_of(user.version)} | (headers or {})
