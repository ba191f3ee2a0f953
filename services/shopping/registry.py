"""The event registry, apart from events.py so that the modules of each noun can register with it."""

from __future__ import annotations

from libs.chassis.events import EventRegistry

registry = EventRegistry("shopping")
