"""Products for unit tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from libs.chassis.money import Money
from services.shopping.products.rules import Product, ProductHold, ProductState

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def product_with(product_id: str = "prd_1", **fields: Any) -> Product:
    """A published coat of size EU 38 for 49 euros, with these fields replaced."""
    defaults: dict[str, Any] = {
        "version": 1,
        "state": ProductState.PUBLISHED,
        "title": "Navy wool coat",
        "description": "",
        "category": "coats",
        "brand": "Lisboa Lã",
        "colour": "navy",
        "condition": "good",
        "sizes": [{"system": "EU", "value": "38"}],
        "attributes": {},
        "price": Money(4900, "EUR"),
        "photos": [],
        "hold": None,
        "donation": None,
        "published_at": NOW,
        "publish_at": None,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Product(id=product_id, **{**defaults, **fields})


def held(product_id: str, order_id: str, buyer_id: str, until: datetime = NOW, **fields: Any) -> Product:
    """A product that this order holds."""
    state = fields.pop("state", ProductState.HELD)
    return product_with(product_id, state=state, hold=ProductHold(order_id, buyer_id, until), **fields)
