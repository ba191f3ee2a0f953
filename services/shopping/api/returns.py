"""Products that go back to their donors, for the customer service."""

from __future__ import annotations

from typing import Any

from services.shopping import returns


def claim_for_return(body: dict[str, Any]) -> tuple[None, int]:
    returns.claim(body["return_id"], body["donating_order_id"])
    return None, 204


def release_return_claim(return_id: str) -> tuple[None, int]:
    returns.release(return_id)
    return None, 204
