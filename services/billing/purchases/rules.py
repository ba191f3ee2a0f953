"""Rewards of a purchase, and what a return takes back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any


def list_pick_up_rewards(*, is_first: bool) -> list[str]:
    """The reasons for rewards of a purchase (stories b-po-03, b-po-04)."""
    return ["pick_up", "first_purchase"] if is_first else ["pick_up"]


def calculate_rewards_to_take_back(earned: int, prices: Mapping[str, int], returned_ids: Collection[str]) -> int:
    """How many of the coins that an order earned belong to the returned products.

    In proportion to the prices, rounded down; all when the buyer keeps nothing. Several returns of an order count
    together.
    """
    if prices.keys() <= set(returned_ids):
        return earned
    returned_total = sum(prices.get(product_id, 0) for product_id in returned_ids)
    return earned * returned_total // max(sum(prices.values()), 1)


def select_good_products(
    state: str, items: Iterable[Mapping[str, Any]], *, is_fully_refunded: bool
) -> dict[str, int]:
    """The good products of a return that has bad ones too, with their prices; their refund needs no decision."""
    if state not in ("checked_bad", "refund_decided") or is_fully_refunded:
        return {}
    return {item["product_id"]: int(item["price"]["amount"]) for item in items if item["result"] == "good"}
