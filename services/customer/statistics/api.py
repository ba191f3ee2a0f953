"""How much customers buy and donate, for staff (stories mf-eu-05, mf-eu-06)."""

from __future__ import annotations

from typing import Any

from libs.chassis import clock
from services.customer.statistics import queries
from services.customer.statistics.schemas import RankedBuyerSchema, RankedDonorSchema


def get_order_counts(customer_id: str) -> dict[str, Any]:
    return queries.count_orders(customer_id)


def get_top_buyers(since: str, until: str) -> dict[str, Any]:
    top = queries.find_top_buyers(clock.parse_rfc3339(since), clock.parse_rfc3339(until))
    return {"items": RankedBuyerSchema(many=True).dump(top)}


def get_top_donors(since: str, until: str) -> dict[str, Any]:
    top = queries.find_top_donors(clock.parse_rfc3339(since), clock.parse_rfc3339(until))
    return {"items": RankedDonorSchema(many=True).dump(top)}
