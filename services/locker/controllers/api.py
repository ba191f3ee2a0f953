"""What the controller of a location reads and reports; each request shows that it is online."""

from __future__ import annotations

import base64
from typing import Any

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import session, unit_of_work
from libs.chassis.door_codes import CODE_STEP_SECONDS
from libs.chassis.security import principal
from services.locker.boxes.tables import Box
from services.locker.controllers import reports
from services.locker.controllers.schemas import ControllerBoxSchema, SignedGrantSchema
from services.locker.doors import codes, grants


def get_controller() -> dict[str, Any]:
    with unit_of_work():  # the chassis opens a read-only one for GET
        location = reports.identify_location(principal().subject)
        boxes = session().scalars(select(Box).where(Box.location_id == location.id).order_by(Box.label))
        return {
            "location_id": location.id,
            "location_name": location.name,
            "code_key": base64.urlsafe_b64encode(codes.code_key(location.id)).rstrip(b"=").decode(),
            "code_step_seconds": CODE_STEP_SECONDS,
            "grant_keys": grants.public_keys(),
            "boxes": ControllerBoxSchema(many=True).dump(boxes),
            "next_sequence": location.last_sequence + 1,
            "time": clock.rfc3339(clock.now()),
        }


def get_grants() -> dict[str, Any]:
    return _signed_grants(is_offline=False)


def get_offline_grants() -> dict[str, Any]:
    return _signed_grants(is_offline=True)


def _signed_grants(*, is_offline: bool) -> dict[str, Any]:
    with unit_of_work():  # the chassis opens a read-only one for GET; this stores the time and offline grants
        location = reports.identify_location(principal().subject)
        signed = SignedGrantSchema(many=True).dump(grants.list_signed_grants(location, is_offline=is_offline))
    return {"grants": signed, "time": clock.rfc3339(clock.now())}


def report_events(body: dict[str, Any]) -> dict[str, Any]:
    location = reports.identify_location(principal().subject)
    return {"next_sequence": reports.receive_events(location, body["events"])}
