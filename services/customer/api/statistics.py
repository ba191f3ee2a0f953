"""How much customers buy and donate, for staff (stories mf-eu-05, mf-eu-06)."""

from __future__ import annotations

from typing import Any

from libs.chassis import clock
from services.customer import order_statistics
from services.customer.order_statistics import Period
from services.customer.schemas import RankedBuyerSchema, RankedDonorSchema


def get_order_counts(customer_id: str) -> dict[str, Any]:
    return order_statistics.counts_of(customer_id)


def get_top_buyers(since: str, until: str) -> dict[str, Any]:
    return {"items": RankedBuyerSchema(many=True).dump(order_statistics.top_buyers(_period(since, until)))}


def get_top_donors(since: str, until: str) -> dict[str, Any]:
    return {"items": RankedDonorSchema(many=True).dump(order_statistics.top_donors(_period(since, until)))}


def _period(since: str, until: str) -> Period:
    return order_statistics.period(clock.parse_rfc3339(since), clock.parse_rfc3339(until))
