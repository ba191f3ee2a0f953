"""The event registry of billing; `services.billing.events` fills it."""

from libs.chassis.events import EventRegistry

registry = EventRegistry("billing")
