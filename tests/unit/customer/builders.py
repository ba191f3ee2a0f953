"""Orders and returns as objects, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.customer.buying_orders.tables import BuyingOrder, BuyingOrderItem
from services.customer.buying_returns.tables import BuyingReturn, BuyingReturnTimelineEntry, ReturnedItem

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
COAT, HAT = "prd_coat", "prd_hat"
PRICES = {COAT: 3000, HAT: 1000}


def order(**changed: Any) -> BuyingOrder:
    """A coat and a hat that were picked up and can be returned until noon."""
    facts: dict[str, Any] = {"id": "bor_1", "state": "picked_up", "currency": "EUR", "return_until": NOON}
    facts |= {"pickup_time_zone": "Europe/Lisbon"} | changed
    return BuyingOrder(**facts, items=[BuyingOrderItem(product_id=product_id) for product_id in PRICES])


def return_of(*product_ids: str, states: tuple[str, ...] = ("created",), **results: str) -> BuyingReturn:
    """A return that passed through these states; `coat="good"` is the result of the check of the coat."""
    return BuyingReturn(
        id="rbo_1",
        state=states[-1],
        currency="EUR",
        price_amount=sum(PRICES[product_id] for product_id in product_ids),
        items=[
            ReturnedItem(
                product_id=product_id,
                amount=PRICES[product_id],
                currency="EUR",
                check_result=results.get(product_id.removeprefix("prd_")),
            )
            for product_id in product_ids
        ],
        timeline=[BuyingReturnTimelineEntry(state=state) for state in states],
    )
