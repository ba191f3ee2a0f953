"""The audit trail."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.pagination import page
from services.admin.models import AuditEntry
from services.admin.schemas import AuditEntrySchema


def list_audit_entries(
    limit: int = 20,
    cursor: str | None = None,
    actor: str | None = None,
    action: str | None = None,
    target: str | None = None,
) -> dict[str, Any]:
    wanted = select(AuditEntry)
    for column, value in (
        (AuditEntry.actor_id, actor),
        (AuditEntry.action, action),
        (AuditEntry.target, target),
    ):
        if value is not None:
            wanted = wanted.where(column == value)
    newest_first: Any = [(AuditEntry.occurred_at, "desc"), (AuditEntry.id, "desc")]
    return page(wanted, order_by=newest_first, limit=limit, cursor=cursor, dump=AuditEntrySchema().dump)
