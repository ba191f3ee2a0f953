"""Two versions of the schema of one event's data.

An event lives longer than a release: old ones wait in outboxes and queues for new subscribers, and new ones reach
subscribers of the old release while the roll-out goes on. What they cannot read is a new event type (`…v2`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.release.compatibility.contracts import opened
from tools.release.compatibility.schemas import escapes

Schemas = Mapping[str, Mapping[str, Any]]


def broken_events(old: Schemas, new: Schemas) -> Iterator[str]:
    """A sentence for each event that one side could not read any more; both map types to schemas."""
    for kind, schema in old.items():
        if kind not in new:
            yield f"{kind}: is gone, though old ones may wait in a queue"
            continue
        for fault in escapes(schema, new[kind], ""):
            yield f"{kind}{fault} in an event of the last release, which new subscribers refuse"
        for fault in escapes(new[kind], opened(schema), ""):
            yield f"{kind}{fault}, which subscribers of the last release do not expect"
