"""What a customer may like."""

from __future__ import annotations

from typing import Any

from libs.chassis.security import principal
from services.shopping import recommendations
from services.shopping.schemas import ProductSchema


def list_recommendations(limit: int = 20) -> dict[str, Any]:
    found = recommendations.recommend(principal().subject, limit)
    return {"items": ProductSchema(many=True).dump(found)}
