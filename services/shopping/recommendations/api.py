"""Recommendations for the customer who is logged in."""

from __future__ import annotations

from typing import Any

from libs.chassis import skipped_items
from libs.chassis.security import principal
from services.shopping.products.schemas import ProductSchema
from services.shopping.recommendations import selection


def list_recommendations(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    page = selection.recommend(principal().subject, limit, cursor)
    return {**page, "items": skipped_items.dump_valid(page["items"], ProductSchema().dump, kind="product")}
