"""The audit trail: what an internal user did, sent to admin with the transaction that did it (domain rule 6)."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from libs.chassis import clock, events, logs
from libs.chassis.security import principal

# Both values and what is around them fit into one event (events.MAX_BYTES).
MAX_BYTES = 28_000
CUT_TO_CHARACTERS = (1_000, 200, 40)
_recorded: ContextVar[list[str] | None] = ContextVar("audit_recorded", default=None)
source_address: ContextVar[str] = ContextVar("source_address", default="")


def record(action: str, target: str, before: Any = None, after: Any = None) -> None:
    """Add an entry to the audit trail; it is written if, and only if, the current unit of work commits.

    `before` and `after` are JSON values of what changed, without secrets and without personal data. Long texts of
    one that has more than MAX_BYTES are cut and followed by their length.
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
        "before": _fitting(before),
        "after": _fitting(after),
        "request_id": logs.bound("request_id") or "",
        "occurred_at": clock.rfc3339(clock.now()),
    }
    registry.publish(f"{registry.domain}.audit.recorded.v1", subject=target, data=data)
    noted = _recorded.get()
    if noted is not None:
        noted.append(action)


def _fitting(value: Any) -> Any:
    """The value in at most MAX_BYTES of JSON."""
    for longest in (None, *CUT_TO_CHARACTERS):
        fitting = value if longest is None else _cut(value, longest)
        size = len(events.as_json(fitting).encode())
        if size <= MAX_BYTES:
            return fitting
    return {"omitted_bytes": size}


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, str) and len(value) > longest:
        return f"{value[:longest]}… ({len(value)} characters)"
    if isinstance(value, dict):
        return {name: _cut(part, longest) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(part, longest) for part in value]
    return value


def start() -> None:
    """Begin to note, for one operation, whether its handler records something by itself."""
    _recorded.set([])


def has_recorded() -> bool:
    return bool(_recorded.get())
