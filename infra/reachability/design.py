"""Reads the hand-written table of the designed data flow."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.reachability.ports import Bounds

SERVICES = ("auth", "customer", "shopping", "billing", "admin", "locker")


@dataclass(frozen=True)
class Flow:
    """One row: calls from all actors of a role to all of another one."""

    source: str
    target: str
    protocol: str
    ports: Bounds
    caller_ports: Bounds
    way: str
    why: str


def read(file: Path) -> list[Flow]:
    """All flows, with `each` written out for every service."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return [flow for row in csv.DictReader(lines, delimiter="\t") for flow in _flows_of(row)]


def _flows_of(row: Mapping[str, str]) -> list[Flow]:
    services = SERVICES if row["source"].startswith("each.") else ("",)
    return [
        Flow(
            row["source"].replace("each.", f"{service}."),
            row["target"].replace("each.", f"{service}."),
            row["protocol"],
            _bounds(row["ports"]),
            _bounds(row["caller_ports"]),
            row["way"],
            row["why"],
        )
        for service in services
    ]


def _bounds(text: str) -> Bounds:
    low, _, high = text.partition("-")
    return int(low), int(high or low)
