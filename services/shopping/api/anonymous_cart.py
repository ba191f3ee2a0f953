"""The cart of a visitor, for whoever has its token."""

from __future__ import annotations

from typing import Any

from flask import request

from libs.chassis.security import principal
from services.shopping import anonymous_carts, cart
from services.shopping.schemas import CartSchema, MergedCartSchema, NewCartSchema

HEADER = "Cart-Token"


def start_anonymous_cart() -> dict[str, Any]:
    return dict(NewCartSchema().dump(anonymous_carts.start()))


def get_anonymous_cart() -> dict[str, Any]:
    return dict(CartSchema().dump(cart.get_cart(_cart_id())))


def put_anonymous_cart_item(product_id: str) -> dict[str, Any]:
    return dict(CartSchema().dump(cart.put_item(_cart_id(), product_id)))


def remove_anonymous_cart_item(product_id: str) -> dict[str, Any]:
    return dict(CartSchema().dump(cart.remove_item(_cart_id(), product_id)))


def merge_cart(body: dict[str, Any]) -> dict[str, Any]:
    merged = anonymous_carts.merge_into(principal().subject, body["cart_token"])
    return dict(MergedCartSchema().dump(merged))


def _cart_id() -> str:
    return anonymous_carts.id_of(request.headers[HEADER])
