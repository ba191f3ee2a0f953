"""Purchases on their way back, as customer tells of them: what is in them and what was paid for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from libs.chassis.db import session
from libs.chassis.money import Money
from services.admin.models import KnownReturn


def know(
    return_id: str,
    order_id: str,
    buyer_id: str,
    price: Money,
    *,
    items: Sequence[dict[str, Any]] | None,
    is_given_up: bool,
) -> None:
    """Keep what was paid for the products of a return. Older news has no `items`; a return stays given up."""
    known = session().get(KnownReturn, return_id)
    if known is None:
        facts = {"order_id": order_id, "buyer_id": buyer_id, "is_given_up": False}
        known = KnownReturn(id=return_id, price_amount=price.amount, currency=price.currency, **facts)
        session().add(known)
    if known.items is None and items is not None:
        known.items = [{name: item[name] for name in ("product_id", "title", "price")} for item in items]
    known.is_given_up = known.is_given_up or is_given_up
    session().flush()


def contents_of(return_id: str) -> list[dict[str, str]] | None:
    """The products of a return with their titles; None while they are not known."""
    known = session().get(KnownReturn, return_id)
    if known is None or known.items is None:
        return None
    return [{"product_id": item["product_id"], "title": item["title"]} for item in known.items]


def price_of(known: KnownReturn, product_ids: Iterable[str]) -> Money:
    """What was paid for these products of a return."""
    wanted = set(product_ids)
    prices = (item["price"]["amount"] for item in known.items or () if item["product_id"] in wanted)
    return Money(sum(prices), known.currency)
