"""Internal users, for managers."""

from __future__ import annotations

from typing import Any

from libs.chassis.etags import etag_of
from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.auth import staff
from services.auth.models import User
from services.auth.schemas import StaffSchema

Answer = tuple[dict[str, Any], int, dict[str, str]]


def list_staff(
    limit: int = 20, cursor: str | None = None, role: str | None = None, state: str | None = None
) -> dict[str, Any]:
    return page(
        staff.listed(role, state),
        order_by=[(User.created_at, "asc"), (User.id, "asc")],
        limit=limit,
        cursor=cursor,
        dump=StaffSchema().dump,
    )


def create_staff_member(body: dict[str, Any]) -> Answer:
    made = staff.create(body["email"], body["full_name"], body["roles"])
    return _answer(made, 201, {"Location": f"/auth/v1/staff/{made.id}"})


def get_staff_member(user_id: str) -> Answer:
    return _answer(staff.read(user_id))


def update_staff_member(user_id: str, body: dict[str, Any]) -> Answer:
    return _answer(staff.change(user_id, body.get("full_name"), body.get("roles")))


def remove_staff_member(user_id: str) -> tuple[None, int]:
    staff.remove(user_id, by=principal().subject)
    return None, 204


def reset_staff_password(user_id: str) -> tuple[dict[str, str], int]:
    staff.reset_password(user_id)
    return {"status": "mail_sent"}, 202


def _answer(user: User, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return StaffSchema().dump(user), status, {"ETag": etag_of(user.version)} | (headers or {})
