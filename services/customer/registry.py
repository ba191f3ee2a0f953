"""The customer service's registry of events, jobs and checks; the modules that `events.py` imports fill it."""

from libs.chassis.events import EventRegistry

registry = EventRegistry("customer")
