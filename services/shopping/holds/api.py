"""Holds and quotes, for the customer service."""

from __future__ import annotations

from typing import Any

from libs.chassis.money import Money
from services.shopping.holds import creation, settlement
from services.shopping.holds.schemas import HoldSchema, QuoteSchema


def quote_products(body: dict[str, Any]) -> dict[str, Any]:
    return dict(QuoteSchema().dump(creation.quote(body["product_ids"])))


def create_hold(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    expected = Money.from_dict(body["expected_total"]) if "expected_total" in body else None
    hold = creation.create_hold(body["order_id"], body["buyer_id"], body["product_ids"], expected)
    return dict(HoldSchema().dump(hold)), 201, {"Location": f"/shopping/v1/holds/{hold.order_id}"}


def get_hold(order_id: str) -> dict[str, Any]:
    return dict(HoldSchema().dump(settlement.get_hold(order_id)))


def release_hold(order_id: str) -> tuple[None, int]:
    settlement.release_hold(order_id)
    return None, 204
