"""Holds of unique products, for the customer service."""

from __future__ import annotations

from typing import Any

from services.shopping import holds
from services.shopping.schemas import HoldSchema


def create_hold(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    hold = holds.create_hold(body["order_id"], body["buyer_id"], body["product_ids"])
    return dict(HoldSchema().dump(hold)), 201, {"Location": f"/shopping/v1/holds/{hold.order_id}"}


def get_hold(order_id: str) -> dict[str, Any]:
    return dict(HoldSchema().dump(holds.get_hold(order_id)))


def release_hold(order_id: str) -> tuple[None, int]:
    holds.release_hold(order_id)
    return None, 204
