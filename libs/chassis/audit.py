"""The audit trail: actions of internal users, published to admin in the transaction of the action."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from libs.chassis import clock, events, logs
from libs.chassis.security import principal

# Two values of this size and the rest of the entry fit into one event (events.MAX_BYTES).
MAX_BYTES = 28_000
TEXT_LIMITS = (1_000, 200, 40)  # tried in this order, in characters
_recorded: ContextVar[list[str] | None] = ContextVar("audit_recorded", default=None)
source_address: ContextVar[str] = ContextVar("source_address", default="")


def record(action: str, target: str, before: Any = None, after: Any = None) -> None:
    """Add an entry to the audit trail, which is published if the current unit of work commits.

    `before` and `after` are JSON values of what changed, without secrets and personal data. The long texts of a
    value with more than MAX_BYTES are truncated and followed by their length.
    """
    from libs.chassis.service import running_service

    caller = principal()
    registry = running_service().events
    data = {
        "actor_id": caller.subject,
        "actor_roles": sorted(caller.roles),
        "action": action,
        "target": target,
        "source_ip": source_address.get(),
        "before": _truncate(before),
        "after": _truncate(after),
        "request_id": logs.bound("request_id") or "",
        "occurred_at": clock.rfc3339(clock.now()),
    }
    registry.publish(f"{registry.domain}.audit.recorded.v1", subject=target, data=data)
    recorded = _recorded.get()
    if recorded is not None:
        recorded.append(action)


def _truncate(value: Any) -> Any:
    """The value in at most MAX_BYTES of JSON."""
    for limit in (None, *TEXT_LIMITS):
        truncated = value if limit is None else _truncate_texts(value, limit)
        size = len(events.as_json(truncated).encode())
        if size <= MAX_BYTES:
            return truncated
    return {"omitted_bytes": size}


def _truncate_texts(value: Any, limit: int) -> Any:
    if isinstance(value, str) and len(value) > limit:
        return f"{value[:limit]}… ({len(value)} characters)"
    if isinstance(value, dict):
        return {name: _truncate_texts(part, limit) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_truncate_texts(part, limit) for part in value]
    return value


def start() -> None:
    """Begin to track, for one operation, whether its handler records an entry itself."""
    _recorded.set([])


def has_recorded() -> bool:
    return bool(_recorded.get())
