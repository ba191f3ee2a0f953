"""The buyer's own cart."""

from __future__ import annotations

from typing import Any

from libs.chassis.security import principal
from services.shopping import cart
from services.shopping.schemas import CartSchema


def get_cart() -> dict[str, Any]:
    return dict(CartSchema().dump(cart.get_cart(principal().subject)))


def put_cart_item(product_id: str) -> dict[str, Any]:
    return dict(CartSchema().dump(cart.put_item(principal().subject, product_id)))


def remove_cart_item(product_id: str) -> dict[str, Any]:
    return dict(CartSchema().dump(cart.remove_item(principal().subject, product_id)))
