"""The state queries of a service's peers, played by the test, and a run of the job that sends them."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select

from libs.chassis import clock, consistency, db, discrepancies
from libs.chassis.events import EventRegistry
from libs.chassis.tables import DiscrepancyRow

LATER = consistency.STUCK_AFTER + timedelta(seconds=5)


@dataclass
class PeerStates:
    """What each peer knows of each subject; it does not know the others."""

    known: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    unavailable: set[str] = field(default_factory=set)
    queries: list[tuple[str, list[str]]] = field(default_factory=list)

    def know(
        self, domain: str, subject: str, *events: tuple[str, dict[str, Any]], knowledge: str = "known"
    ) -> None:
        """Let `domain` describe the subject by these events: type and data."""
        documents = [
            {
                "id": f"evt_{uuid.uuid4().hex}",
                "type": event_type,
                "source": f"/reclothes/{domain}",
                "subject": subject,
                "time": clock.rfc3339(clock.now()),
                "data": data,
            }
            for event_type, data in events
        ]
        self.known[domain, subject] = {"subject": subject, "knowledge": knowledge, "events": documents}

    def respond(self, request: httpx.Request) -> httpx.Response:
        domain = request.url.host.partition(".")[0]
        if request.url.path == "/auth/v1/token":
            return httpx.Response(200, json={"access_token": "peer", "expires_in": 300})
        if domain in self.unavailable:
            return httpx.Response(503, json={})
        assert request.url.path == f"/{domain}/v1/state-queries"
        subjects = json.loads(request.content)["subjects"]
        self.queries.append((domain, subjects))
        unknown = ({"subject": one, "knowledge": "unknown", "events": []} for one in subjects)
        items = [self.known.get((domain, one["subject"]), one) for one in unknown]
        return httpx.Response(200, json={"items": items})


def compare(registry: EventRegistry, *, runs: int = 1, after: timedelta = LATER) -> None:
    """Run the consistency job of a service some time from now, when its states are old enough."""
    with clock.freeze(clock.now() + after):
        for _ in range(runs):
            consistency.compare_with_other_domains(registry)


def reported() -> dict[tuple[str, str], str]:
    """The detail of each discrepancy that operators see, by check and subject."""
    return {(found["check"], found["subject"]): found["detail"] for found in discrepancies.list_reported()}


def attempted() -> set[tuple[str, str]]:
    """Check and subject of each state that a repair was attempted for."""
    with db.unit_of_work(reads_only=True) as session:
        return {(row.check_name, row.subject) for row in session.scalars(select(DiscrepancyRow))}
