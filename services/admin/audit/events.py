"""Add the audit events of all domains to the audit trail."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.event_types import AuditRecorded
from libs.chassis.events import Event
from libs.chassis.service import NAMES
from services.admin.audit.tables import AuditEntry
from services.admin.registry import registry


def add_audit_entry(event: Event[AuditRecorded]) -> None:
    """Idempotent: the id of the entry is derived from that of the event."""
    entry_id = "aud_" + event.id.removeprefix("evt_")
    if session().get(AuditEntry, entry_id) is None:
        occurred_at = clock.parse_rfc3339(event.data["occurred_at"])
        derived = {"id": entry_id, "domain": event.type.partition(".")[0], "occurred_at": occurred_at}
        session().add(AuditEntry(**(event.data | derived)))


for domain in NAMES:
    registry.handles(f"{domain}.audit.recorded.v1")(add_audit_entry)
