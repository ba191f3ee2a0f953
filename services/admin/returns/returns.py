"""Returns of buying orders: copies of what customer publishes, with what is in them and what was paid for it."""

from __future__ import annotations

from collections.abc import Iterable

from libs.chassis.db import session
from libs.chassis.event_types import BuyingReturnStateChanged
from libs.chassis.money import Money
from services.admin.returns.tables import BuyingReturn


def update_from_customer(data: BuyingReturnStateChanged) -> None:
    """Store a return. One that was force-cancelled stays so, in whatever order the events arrive."""
    buying_return = session().get(BuyingReturn, data["return_id"])
    if buying_return is None:
        buying_return = BuyingReturn(
            id=data["return_id"],
            order_id=data["order_id"],
            buyer_id=data["buyer_id"],
            price_amount=data["price"]["amount"],
            currency=data["price"]["currency"],
            items=[
                {"product_id": item["product_id"], "title": item["title"], "price": item["price"]}
                for item in data["items"]
            ],
            is_force_cancelled=False,
        )
        session().add(buying_return)
    buying_return.is_force_cancelled = buying_return.is_force_cancelled or data["is_force_cancelled"]
    session().flush()


def find_contents(return_id: str) -> list[dict[str, str]] | None:
    """The products of a return with their titles; None while the return is unknown."""
    buying_return = session().get(BuyingReturn, return_id)
    if buying_return is None:
        return None
    return [{"product_id": item["product_id"], "title": item["title"]} for item in buying_return.items]


def price_of(buying_return: BuyingReturn, product_ids: Iterable[str]) -> Money:
    """What was paid for these products of a return."""
    ids = set(product_ids)
    prices = (item["price"]["amount"] for item in buying_return.items if item["product_id"] in ids)
    return Money(sum(prices), buying_return.currency)
