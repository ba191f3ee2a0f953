"""The cart of the buyer who is logged in, and the cart of a visitor, for whoever has its token."""

from __future__ import annotations

from typing import Any

from flask import request

from libs.chassis.security import principal
from services.shopping.cart import anonymous_carts, carts
from services.shopping.cart.carts import Cart
from services.shopping.cart.schemas import CartSchema, MergedCartSchema, NewCartSchema

TOKEN_HEADER = "Cart-Token"  # noqa: S105 the name of a header, not a token


def get_cart() -> dict[str, Any]:
    return _build_response(carts.get_cart(principal().subject))


def put_cart_item(product_id: str) -> dict[str, Any]:
    return _build_response(carts.add_item(principal().subject, product_id))


def remove_cart_item(product_id: str) -> dict[str, Any]:
    return _build_response(carts.remove_item(principal().subject, product_id))


def start_anonymous_cart() -> dict[str, Any]:
    return dict(NewCartSchema().dump(anonymous_carts.start()))


def get_anonymous_cart() -> dict[str, Any]:
    return _build_response(carts.get_cart(_get_anonymous_id()))


def put_anonymous_cart_item(product_id: str) -> dict[str, Any]:
    return _build_response(carts.add_item(_get_anonymous_id(), product_id))


def remove_anonymous_cart_item(product_id: str) -> dict[str, Any]:
    return _build_response(carts.remove_item(_get_anonymous_id(), product_id))


def merge_cart(body: dict[str, Any]) -> dict[str, Any]:
    merged = anonymous_carts.merge_into(principal().subject, body["cart_token"])
    return dict(MergedCartSchema().dump(merged))


def _get_anonymous_id() -> str:
    return anonymous_carts.derive_cart_id(request.headers[TOKEN_HEADER])


def _build_response(cart: Cart) -> dict[str, Any]:
    return dict(CartSchema().dump(cart))
