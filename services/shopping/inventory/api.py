"""All products, for staff; the currencies of their prices, for the admin service."""

from __future__ import annotations

from typing import Any

from libs.chassis import clock, skipped_items
from libs.chassis.etags import etag_of, require_match, require_match_if_sent
from libs.chassis.idempotency import stable_id
from libs.chassis.money import Money
from services.shopping.inventory import staff_actions
from services.shopping.products.product_store import get_product, list_price_currencies
from services.shopping.products.rules import Product
from services.shopping.products.schemas import InventoryProductSchema

Response = tuple[dict[str, Any], int, dict[str, str]]


def list_inventory(limit: int = 20, cursor: str | None = None, state: str | None = None) -> dict[str, Any]:
    page = staff_actions.list_inventory(state, limit, cursor)
    return {**page, "items": skipped_items.dump_valid(page["items"], InventoryProductSchema().dump, kind="product")}


def create_product(body: dict[str, Any]) -> Response:
    product = staff_actions.create_draft(stable_id("prd"), body)
    return _build_response(product, 201, {"Location": f"/shopping/v1/inventory/{product.id}"})


def get_inventory_product(product_id: str) -> Response:
    return _build_response(get_product(product_id))


def edit_product(product_id: str, body: dict[str, Any]) -> Response:
    product = get_product(product_id)
    require_match(product.version)
    return _build_response(staff_actions.edit(product, body))


def set_product_price(product_id: str, body: dict[str, Any]) -> Response:
    product = get_product(product_id)
    require_match(product.version)
    return _build_response(staff_actions.set_price(product, Money.from_dict(body["price"])))


def publish_product(product_id: str, body: dict[str, Any] | None = None) -> Response:
    publish_at = clock.parse_optional((body or {}).get("publish_at"))
    product = get_product(product_id)
    any_version = not require_match_if_sent(product.version)
    return _build_response(staff_actions.publish(product, publish_at, any_version=any_version))


def withdraw_product(product_id: str) -> Response:
    product = get_product(product_id)
    return _build_response(staff_actions.withdraw(product, any_version=not require_match_if_sent(product.version)))


def resume_product(product_id: str) -> Response:
    product = get_product(product_id)
    return _build_response(staff_actions.resume(product, any_version=not require_match_if_sent(product.version)))


def get_price_currencies() -> dict[str, list[str]]:
    return {"currencies": list_price_currencies()}


def _build_response(product: Product, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body: dict[str, Any] = InventoryProductSchema().dump(product)
    return body, status, {"ETag": etag_of(product.version), **(headers or {})}
