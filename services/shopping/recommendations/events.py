"""Handles the customer service's profile events."""

from __future__ import annotations

from libs.chassis.event_types import ProfileChanged
from libs.chassis.events import Event
from services.shopping.recommendations.preferences import save_preferences
from services.shopping.registry import registry


@registry.handles("customer.profile.changed.v1")
def store_preferences(event: Event[ProfileChanged]) -> None:
    body_sizes = {pair["name"]: pair["value"] for pair in event.data["body_sizes"]}
    preferences = {pair["name"]: pair["value"] for pair in event.data["preferences"]}
    save_preferences(event.data["customer_id"], body_sizes, preferences, event.version)
