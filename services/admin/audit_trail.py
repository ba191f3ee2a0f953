"""The audit trail: entries are added and never changed (domain rule 6)."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.events import Event
from services.admin.models import AuditEntry


def add(event: Event) -> None:
    """One entry from one domain's event; its id is made of the event's, so twice is once."""
    data = event.data
    entry_id = "aud_" + event.id.removeprefix("evt_")
    if session().get(AuditEntry, entry_id) is not None:
        return
    session().add(
        AuditEntry(
            id=entry_id,
            domain=event.type.partition(".")[0],
            actor_id=data["actor_id"],
            actor_roles=data["actor_roles"],
            action=data["action"],
            target=data["target"],
            source_ip=data["source_ip"],
            before=data["before"],
            after=data["after"],
            request_id=data["request_id"],
            occurred_at=clock.parse_rfc3339(data["occurred_at"]),
        )
    )
