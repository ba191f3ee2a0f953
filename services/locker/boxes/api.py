"""Boxes and their maintenance records, for staff (stories mf-dob-01, mf-dob-02)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.pagination import page
from libs.chassis.queries import filter_by
from services.locker.boxes import maintenance, storage
from services.locker.boxes.schemas import BoxSchema, MaintenanceRecordSchema
from services.locker.boxes.tables import Box, MaintenanceRecord


def list_boxes(
    limit: int = 20,
    cursor: str | None = None,
    location_id: str | None = None,
    state: str | None = None,
) -> dict[str, Any]:
    query = filter_by(select(Box), {Box.location_id: location_id, Box.state: state})
    return page(query, order_by=[(Box.id, "asc")], limit=limit, cursor=cursor, dump=BoxSchema().dump)


def update_box(box_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return dict(BoxSchema().dump(maintenance.change_service_state(box_id, body["state"], body.get("reason"))))


def assign_box(box_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return dict(BoxSchema().dump(storage.assign_deliveryman(box_id, body["deliveryman_id"])))


def list_maintenance_records(
    box_id: str | None = None, limit: int = 20, cursor: str | None = None
) -> dict[str, Any]:
    query = filter_by(select(MaintenanceRecord), {MaintenanceRecord.box_id: box_id})
    newest_first: Any = [(MaintenanceRecord.opened_at, "desc"), (MaintenanceRecord.id, "desc")]
    return page(query, order_by=newest_first, limit=limit, cursor=cursor, dump=MaintenanceRecordSchema().dump)
