"""Open doors with the code of a location, and list what one may open."""

from __future__ import annotations

import base64
from typing import Any

from sqlalchemy import select

from libs.chassis import audit, clock
from libs.chassis.pagination import page
from libs.chassis.queries import filter_by
from libs.chassis.security import principal
from services.locker.doors import grants, openings
from services.locker.doors.schemas import DoorRightSchema, OpeningSchema
from services.locker.doors.tables import DoorRight


def open_doors(body: dict[str, Any]) -> dict[str, Any]:
    caller = principal()
    location, opened = openings.open_doors(body["code"], caller.subject, body.get("order_id"))
    if caller.is_internal:
        doors = [{"order_id": opening.right.order_id, "box_id": opening.box.id} for opening in opened]
        audit.record("open_doors", location.id, after={"doors": doors})
    return {
        "location_id": location.id,
        "location_name": location.name,
        "openings": OpeningSchema(many=True).dump(opened),
    }


def list_door_rights(
    state: str | None = None, order_id: str | None = None, limit: int = 20, cursor: str | None = None
) -> dict[str, Any]:
    own = select(DoorRight).where(DoorRight.person_id == principal().subject)
    query = filter_by(own, {DoorRight.state: state, DoorRight.order_id: order_id})
    newest_first: Any = [(DoorRight.id, "desc")]
    return page(query, order_by=newest_first, limit=limit, cursor=cursor, dump=DoorRightSchema().dump)


def get_day_key() -> dict[str, Any]:
    day = clock.now().date()
    key = grants.day_key(principal().subject, day)
    return {"day": day.isoformat(), "key": base64.urlsafe_b64encode(key).rstrip(b"=").decode()}
