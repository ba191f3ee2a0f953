"""The audit trail."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.pagination import page
from services.admin.audit.schemas import AuditEntrySchema
from services.admin.audit.tables import AuditEntry


def list_audit_entries(
    limit: int = 20,
    cursor: str | None = None,
    actor: str | None = None,
    action: str | None = None,
    target: str | None = None,
) -> dict[str, Any]:
    statement = select(AuditEntry)
    for column, value in (
        (AuditEntry.actor_id, actor),
        (AuditEntry.action, action),
        (AuditEntry.target, target),
    ):
        if value is not None:
            statement = statement.where(column == value)
    newest_first: Any = [(AuditEntry.occurred_at, "desc"), (AuditEntry.id, "desc")]
    return page(statement, order_by=newest_first, limit=limit, cursor=cursor, dump=AuditEntrySchema().dump)
