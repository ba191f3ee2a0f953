"""The products as staff works on them."""

from __future__ import annotations

from typing import Any

from libs.chassis import clock, skipped_items
from libs.chassis.etags import etag_of, require_match, require_match_if_sent
from libs.chassis.idempotency import stable_id
from libs.chassis.money import Money
from services.shopping import inventory
from services.shopping.products import Product
from services.shopping.schemas import InventoryProductSchema

Answer = tuple[dict[str, Any], int, dict[str, str]]


def list_inventory(limit: int = 20, cursor: str | None = None, state: str | None = None) -> dict[str, Any]:
    page = inventory.list_inventory(state, limit, cursor)
    return {**page, "items": skipped_items.dump_valid(page["items"], InventoryProductSchema().dump, kind="product")}


def create_product(body: dict[str, Any]) -> Answer:
    product = inventory.create_draft(stable_id("prd"), body)
    return _answer(product, 201, {"Location": f"/shopping/v1/inventory/{product.id}"})


def get_inventory_product(product_id: str) -> Answer:
    return _answer(inventory.get_product(product_id))


def edit_product(product_id: str, body: dict[str, Any]) -> Answer:
    product = inventory.get_product(product_id)
    require_match(product.version)
    return _answer(inventory.edit(product, body))


def set_product_price(product_id: str, body: dict[str, Any]) -> Answer:
    product = inventory.get_product(product_id)
    require_match(product.version)
    return _answer(inventory.set_price(product, Money.from_dict(body["price"])))


def publish_product(product_id: str, body: dict[str, Any] | None = None) -> Answer:
    publish_at = (body or {}).get("publish_at")
    moment = clock.parse_optional(publish_at)
    product = inventory.get_product(product_id)
    return _answer(inventory.publish(product, moment, only_as_read=require_match_if_sent(product.version)))


def withdraw_product(product_id: str) -> Answer:
    product = inventory.get_product(product_id)
    return _answer(inventory.withdraw(product, only_as_read=require_match_if_sent(product.version)))


def resume_product(product_id: str) -> Answer:
    product = inventory.get_product(product_id)
    return _answer(inventory.resume(product, only_as_read=require_match_if_sent(product.version)))


def _answer(product: Product, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    dumped: dict[str, Any] = InventoryProductSchema().dump(product)
    return dumped, status, {"ETag": etag_of(product.version), **(headers or {})}
