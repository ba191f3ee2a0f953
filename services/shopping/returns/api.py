"""Claims of donated products for their donors, for the customer service."""

from __future__ import annotations

from typing import Any

from services.shopping.returns import donor_returns


def claim_for_return(body: dict[str, Any]) -> tuple[None, int]:
    donor_returns.claim_donation(body["return_id"], body["donating_order_id"])
    return None, 204


def release_return_claim(return_id: str) -> tuple[None, int]:
    donor_returns.release_claim(return_id)
    return None, 204
