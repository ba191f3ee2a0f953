"""The currencies of stored prices, for the admin service."""

from __future__ import annotations

from services.shopping import product_store


def get_price_currencies() -> dict[str, list[str]]:
    return {"currencies": product_store.price_currencies()}
