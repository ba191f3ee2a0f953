"""What happened at the locations, and which boxes were repaired."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.pagination import page
from services.locker.models import Activity, MaintenanceRecord
from services.locker.schemas import ActivitySchema, MaintenanceRecordSchema


def list_activity(
    location_id: str | None = None, box_id: str | None = None, limit: int = 20, cursor: str | None = None
) -> dict[str, Any]:
    wanted = select(Activity)
    if location_id is not None:
        wanted = wanted.where(Activity.location_id == location_id)
    if box_id is not None:
        wanted = wanted.where(Activity.box_id == box_id)
    newest_first: Any = [(Activity.at, "desc"), (Activity.id, "desc")]
    return page(wanted, order_by=newest_first, limit=limit, cursor=cursor, dump=ActivitySchema().dump)


def list_maintenance_records(
    box_id: str | None = None, limit: int = 20, cursor: str | None = None
) -> dict[str, Any]:
    wanted = select(MaintenanceRecord)
    if box_id is not None:
        wanted = wanted.where(MaintenanceRecord.box_id == box_id)
    newest_first: Any = [(MaintenanceRecord.opened_at, "desc"), (MaintenanceRecord.id, "desc")]
    return page(wanted, order_by=newest_first, limit=limit, cursor=cursor, dump=MaintenanceRecordSchema().dump)
