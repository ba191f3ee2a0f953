"""Opening doors with the code of a location."""

from __future__ import annotations

import base64
from typing import Any

from sqlalchemy import select

from libs.chassis import audit, clock
from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.locker import openings
from services.locker.models import DoorRight
from services.locker.schemas import DoorRightSchema, OpeningSchema


def open_doors(body: dict[str, Any]) -> dict[str, Any]:
    who = principal()
    location, opened = openings.open_doors(body["code"], who.subject, body.get("order_id"))
    if who.is_internal:
        doors = [{"order_id": opening.right.order_id, "box_id": opening.box.id} for opening in opened]
        audit.record("open_doors", location.id, after={"doors": doors})
    shown = {"location_id": location.id, "location_name": location.name}
    return shown | {"openings": OpeningSchema(many=True).dump(opened)}


def list_door_rights(
    state: str | None = None, order_id: str | None = None, limit: int = 20, cursor: str | None = None
) -> dict[str, Any]:
    own = select(DoorRight).where(DoorRight.person_id == principal().subject)
    if state is not None:
        own = own.where(DoorRight.state == state)
    if order_id is not None:
        own = own.where(DoorRight.order_id == order_id)
    return page(own, order_by=[(DoorRight.id, "desc")], limit=limit, cursor=cursor, dump=DoorRightSchema().dump)


def get_day_key() -> dict[str, Any]:
    day = clock.now().date()
    key = openings.day_key(principal().subject, day)
    return {"day": day.isoformat(), "key": base64.urlsafe_b64encode(key).rstrip(b"=").decode()}
