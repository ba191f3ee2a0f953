"""The audit trail."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.pagination import page
from libs.chassis.queries import filter_by
from services.admin.audit.schemas import AuditEntrySchema
from services.admin.audit.tables import AuditEntry


def list_audit_entries(
    limit: int = 20,
    cursor: str | None = None,
    actor: str | None = None,
    action: str | None = None,
    target: str | None = None,
) -> dict[str, Any]:
    filters = {AuditEntry.actor_id: actor, AuditEntry.action: action, AuditEntry.target: target}
    statement = filter_by(select(AuditEntry), filters)
    newest_first: Any = [(AuditEntry.occurred_at, "desc"), (AuditEntry.id, "desc")]
    return page(statement, order_by=newest_first, limit=limit, cursor=cursor, dump=AuditEntrySchema().dump)
