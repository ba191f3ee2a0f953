"""Handles placed orders, and the messages that bring changed carts to the relational database."""

from __future__ import annotations

from typing import Any

from libs.chassis import clock
from libs.chassis.event_types import BuyingOrderPlaced
from libs.chassis.events import Event
from services.shopping.cart import cart_store, carts
from services.shopping.cart.cart_queue import CART_QUEUE
from services.shopping.registry import registry


@registry.handles("customer.buying_order.placed.v1")
def remove_ordered_items(event: Event[BuyingOrderPlaced]) -> None:
    data = event.data
    placed_at = clock.parse_rfc3339(data["placed_at"])
    carts.remove_ordered(data["buyer_id"], data["order_id"], data["product_ids"], placed_at)


@registry.consumes(CART_QUEUE)
def save_carts(message: dict[str, Any]) -> None:
    cart_store.save_carts(message)
