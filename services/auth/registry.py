"""The event registry of the auth service; importing `events.py` fills it."""

from libs.chassis.events import EventRegistry

registry = EventRegistry("auth")
