"""Take boxes out of service and put them back, with a maintenance record for each time."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import audit, clock
from libs.chassis.db import session
from libs.chassis.problems import Unprocessable
from libs.chassis.queries import get_row
from libs.chassis.security import principal
from libs.chassis.state_machine import IllegalTransition
from services.locker.activity import log
from services.locker.boxes import storage
from services.locker.boxes.tables import Box, MaintenanceRecord


def change_service_state(box_id: str, state: str, reason: str | None) -> Box:
    """Take a free box out of service, which needs a reason, or put it back. Raises IllegalTransition."""
    box = get_row(Box, box_id, "there is no such box")
    if state == "out_of_service" and not reason:
        detail = "state why the box is taken out of service"
        raise Unprocessable(detail, errors=[{"pointer": "/reason", "detail": detail}])
    before = _service_state(box)
    transition = "take_out_of_service" if state == "out_of_service" else "return_to_service"
    if not storage.change_state(box, transition):
        raise IllegalTransition(f"a box that is {box.state} cannot become {state}")
    if state == "out_of_service" and reason:
        _open_record(box, reason, principal().subject)
    else:
        _close_records(box, principal().subject)
    audit.record("update_box", box.id, before=before, after=_service_state(box))
    return box


def block(box: Box, reason: str, person_id: str) -> None:
    """Take a locked box with unexpected clothes in it out of service; `person_id` is who had its door open."""
    storage.change_state(box, "block")
    box.held_for_order_id = box.held_since = box.held_until = None
    _open_record(box, reason, person_id)
    session().flush()


def _service_state(box: Box) -> dict[str, str | None]:
    return {"state": box.state, "reason": box.out_of_service_reason}


def _open_record(box: Box, reason: str, person_id: str) -> None:
    box.out_of_service_reason = reason
    log.record("out_of_service", box.location_id, box_id=box.id, person_id=person_id)
    session().add(MaintenanceRecord(box_id=box.id, reason=reason, opened_by=person_id))


def _close_records(box: Box, person_id: str) -> None:
    box.out_of_service_reason = None
    log.record("in_service", box.location_id, box_id=box.id, person_id=person_id)
    open_records = select(MaintenanceRecord).where(
        MaintenanceRecord.box_id == box.id, MaintenanceRecord.closed_at.is_(None)
    )
    for record in session().scalars(open_records):
        record.closed_by, record.closed_at = person_id, clock.now()
