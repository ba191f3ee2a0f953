"""What the controller of a location asks and reports."""

from __future__ import annotations

import base64
from typing import Any

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import session, unit_of_work
from libs.chassis.door_codes import CODE_STEP_SECONDS
from libs.chassis.security import principal
from services.locker import controllers, openings
from services.locker.models import Box
from services.locker.schemas import BoxOfControllerSchema, SignedGrantSchema


def get_controller() -> dict[str, Any]:
    with unit_of_work():  # that the controller is there is noted
        location = controllers.location_of(principal().subject)
        boxes = session().scalars(select(Box).where(Box.location_id == location.id).order_by(Box.label))
        return {
            "location_id": location.id,
            "location_name": location.name,
            "code_key": base64.urlsafe_b64encode(openings.code_key(location.id)).rstrip(b"=").decode(),
            "code_step_seconds": CODE_STEP_SECONDS,
            "grant_keys": openings.public_keys(),
            "boxes": BoxOfControllerSchema(many=True).dump(boxes),
            "next_sequence": location.last_sequence + 1,
            "time": clock.rfc3339(clock.now()),
        }


def get_grants() -> dict[str, Any]:
    return _grants(ahead=False)


def get_grants_ahead() -> dict[str, Any]:
    return _grants(ahead=True)


def _grants(*, ahead: bool) -> dict[str, Any]:
    with unit_of_work():  # that the controller is there is noted, and grants of the day are made
        location = controllers.location_of(principal().subject)
        signed = SignedGrantSchema(many=True).dump(openings.grants_for(location, ahead=ahead))
    return {"grants": signed, "time": clock.rfc3339(clock.now())}


def report_events(body: dict[str, Any]) -> dict[str, Any]:
    location = controllers.location_of(principal().subject)
    return {"next_sequence": controllers.take(location, body["events"])}
