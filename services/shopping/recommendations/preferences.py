"""A customer's body sizes and preferences, stored here so that browsing calls no other service (story b-pr-01)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from libs.chassis.db import session
from services.shopping.recommendations.tables import PreferencesRow


@dataclass(frozen=True)
class Preferences:
    """Both are maps of text as the customer wrote it: {"EU": "38"}, {"colour": "navy"}."""

    body_sizes: Mapping[str, str] = field(default_factory=dict)
    preferences: Mapping[str, str] = field(default_factory=dict)


def save_preferences(
    customer_id: str, body_sizes: Mapping[str, str], preferences: Mapping[str, str], version: int
) -> None:
    """Store the newest version; an event that arrives late with a lower version changes nothing."""
    row = session().get(PreferencesRow, customer_id, with_for_update=True)
    if row is None:
        row = PreferencesRow(customer_id=customer_id, version=0, body_sizes={}, preferences={})
        session().add(row)
    if version >= row.version:
        row.version, row.body_sizes, row.preferences = version, dict(body_sizes), dict(preferences)
    session().flush()


def get_preferences(customer_id: str) -> Preferences:
    row = session().get(PreferencesRow, customer_id)
    return Preferences(row.body_sizes, row.preferences) if row else Preferences()
