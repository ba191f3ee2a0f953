"""Holds of unique products, for the customer service."""

from __future__ import annotations

from typing import Any

from libs.chassis.money import Money
from services.shopping import holds
from services.shopping.schemas import HeldItemSchema, HoldSchema


def quote_products(body: dict[str, Any]) -> dict[str, Any]:
    quote = holds.quote(body["product_ids"])
    return {"items": HeldItemSchema(many=True).dump(quote.items), "unavailable_product_ids": quote.gone}


def create_hold(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    expected = Money.from_dict(body["expected_total"]) if "expected_total" in body else None
    hold = holds.create_hold(body["order_id"], body["buyer_id"], body["product_ids"], expected)
    return dict(HoldSchema().dump(hold)), 201, {"Location": f"/shopping/v1/holds/{hold.order_id}"}


def get_hold(order_id: str) -> dict[str, Any]:
    return dict(HoldSchema().dump(holds.get_hold(order_id)))


def release_hold(order_id: str) -> tuple[None, int]:
    holds.release_hold(order_id)
    return None, 204
