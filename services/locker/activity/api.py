"""The activity log, for staff (story mf-dob-01)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.pagination import page
from libs.chassis.queries import filter_by
from services.locker.activity.schemas import ActivitySchema
from services.locker.activity.tables import Activity


def list_activity(
    location_id: str | None = None, box_id: str | None = None, limit: int = 20, cursor: str | None = None
) -> dict[str, Any]:
    query = filter_by(select(Activity), {Activity.location_id: location_id, Activity.box_id: box_id})
    newest_first: Any = [(Activity.at, "desc"), (Activity.id, "desc")]
    return page(query, order_by=newest_first, limit=limit, cursor=cursor, dump=ActivitySchema().dump)
