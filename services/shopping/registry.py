"""The registry of events, apart from `events.py` so that the domain can publish and be handled by it."""

from __future__ import annotations

from libs.chassis.events import EventRegistry

registry = EventRegistry("shopping")
