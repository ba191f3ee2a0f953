"""What a customer likes to wear: own sizes and preferences, kept here from customer's events (b-pr-01).

Recommending is browsing, and browsing calls no other service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from libs.chassis.db import session
from services.shopping.models import TasteRow


@dataclass(frozen=True)
class Taste:
    """Both are maps of text, as the customer wrote them: {"EU": "38"}, {"colour": "navy"}."""

    body_sizes: Mapping[str, str] = field(default_factory=dict)
    preferences: Mapping[str, str] = field(default_factory=dict)


def remember(customer_id: str, body_sizes: Mapping[str, str], preferences: Mapping[str, str], version: int) -> None:
    """Keeps the newest; an older version that comes late changes nothing."""
    row = session().get(TasteRow, customer_id, with_for_update=True)
    if row is None:
        row = TasteRow(customer_id=customer_id, version=0, body_sizes={}, preferences={})
        session().add(row)
    if version >= row.version:
        row.version, row.body_sizes, row.preferences = version, dict(body_sizes), dict(preferences)
    session().flush()


def of_customer(customer_id: str) -> Taste:
    row = session().get(TasteRow, customer_id)
    return Taste(row.body_sizes, row.preferences) if row else Taste()
