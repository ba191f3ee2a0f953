"""Drop-off boxes, for staff (story mf-dob-01)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.pagination import page
from services.locker import boxes
from services.locker.models import Box
from services.locker.schemas import BoxSchema


def list_boxes(
    limit: int = 20,
    cursor: str | None = None,
    location_id: str | None = None,
    state: str | None = None,
) -> dict[str, Any]:
    wanted = select(Box)
    if location_id is not None:
        wanted = wanted.where(Box.location_id == location_id)
    if state is not None:
        wanted = wanted.where(Box.state == state)
    return page(wanted, order_by=[(Box.id, "asc")], limit=limit, cursor=cursor, dump=BoxSchema().dump)


def update_box(box_id: str, body: dict[str, Any]) -> dict[str, Any]:
    box: dict[str, Any] = BoxSchema().dump(boxes.change_service(box_id, body["state"], body.get("reason")))
    return box


def assign_box(box_id: str, body: dict[str, Any]) -> dict[str, Any]:
    box: dict[str, Any] = BoxSchema().dump(boxes.assign_deliveryman(box_id, body["deliveryman_id"]))
    return box
