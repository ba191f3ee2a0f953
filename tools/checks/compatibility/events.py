"""Two versions of the schema of one event's data.

Events of the last release wait in outboxes and queues for new subscribers, and new events reach subscribers of the
last release during the roll-out. A change that one side cannot read needs a new event type (`…v2`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.checks.compatibility.contracts import allow_unknown_fields
from tools.checks.compatibility.schemas import mismatches

Schemas = Mapping[str, Mapping[str, Any]]


def breaking_events(old: Schemas, new: Schemas) -> Iterator[str]:
    """Yield a sentence for each event that one side cannot read; both arguments map event types to schemas."""
    for event_type, schema in old.items():
        if event_type not in new:
            yield f"{event_type}: was removed, but events of the last release may wait in a queue"
            continue
        for mismatch in mismatches(schema, new[event_type], ""):
            yield f"{event_type}{mismatch} in an event of the last release, which new subscribers reject"
        for mismatch in mismatches(new[event_type], allow_unknown_fields(schema), ""):
            yield f"{event_type}{mismatch}, which subscribers of the last release do not expect"
