"""The audit trail: what an internal user did, sent to admin with the transaction that did it (domain rule 6)."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from libs.chassis import clock, logs
from libs.chassis.security import principal

_recorded: ContextVar[list[str] | None] = ContextVar("audit_recorded", default=None)
source_address: ContextVar[str] = ContextVar("source_address", default="")


def record(action: str, target: str, before: Any = None, after: Any = None) -> None:
    """Add an entry to the audit trail; it is written if, and only if, the current unit of work commits.

    `before` and `after` are JSON values of what changed, without secrets and without personal data.
    """
    from libs.chassis.service import running_service

    who = principal()
    registry = running_service().events
    data = {
        "actor_id": who.subject,
        "actor_roles": sorted(who.roles),
        "action": action,
        "target": target,
        "source_ip": source_address.get(),
        "before": before,
        "after": after,
        "request_id": logs.bound("request_id") or "",
        "occurred_at": clock.rfc3339(clock.now()),
    }
    registry.publish(f"{registry.domain}.audit.recorded.v1", subject=target, data=data)
    noted = _recorded.get()
    if noted is not None:
        noted.append(action)


def start() -> None:
    """Begin to note, for one operation, whether its handler records something by itself."""
    _recorded.set([])


def has_recorded() -> bool:
    return bool(_recorded.get())
