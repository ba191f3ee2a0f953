"""The locker service's registry of events; `events.py` fills it."""

from libs.chassis.events import EventRegistry

registry = EventRegistry("locker")
