"""Creates the hold of an order: all of its products are claimed, or none (story b-bu-03)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NoReturn

from libs.chassis import clock
from libs.chassis.money import Money
from libs.chassis.system_settings import CURRENCY, setting
from services.shopping.holds import hold_store, rules
from services.shopping.holds.rules import (
    HeldItem,
    Hold,
    HoldEnded,
    HoldMismatch,
    HoldState,
    PriceChanged,
    Quote,
    ReleaseReason,
)
from services.shopping.holds.settlement import get_hold, release_if_lapsed, settle
from services.shopping.products import product_store
from services.shopping.products.rules import ProductUnavailable


def quote(product_ids: Sequence[str]) -> Quote:
    """Current titles and prices, for the review before the order (story b-bu-02); nothing is held."""
    items = _list_available_items(product_ids)
    return Quote(items, sorted(set(product_ids) - {item.product_id for item in items}))


def create_hold(
    order_id: str, buyer_id: str, product_ids: Sequence[str], expected_total: Money | None = None
) -> Hold:
    """Hold all these products for the order, or none of them.

    Repeated for the same order and products it returns the same hold, and completes one that a crash interrupted.
    Raises ProductUnavailable (with `unavailable_product_ids`), PriceChanged (with `total`) when `expected_total`
    differs, HoldMismatch, HoldEnded.
    """
    hold = hold_store.find_hold(order_id) or _insert_hold(order_id, buyer_id, product_ids, expected_total)
    if not rules.is_same_order(hold, buyer_id, product_ids):
        raise HoldMismatch(f"Order {order_id} holds other products.")
    if hold.state is HoldState.RELEASED:
        raise _build_hold_ended(hold)
    if hold.state is HoldState.ACTIVE:
        _claim_products(hold)
    return hold


def _insert_hold(order_id: str, buyer_id: str, product_ids: Sequence[str], expected_total: Money | None) -> Hold:
    _release_lapsed_holds(product_ids)
    items = _list_available_items(product_ids)
    missing = sorted(set(product_ids) - {item.product_id for item in items})
    if missing:
        # A concurrent duplicate of this request may hold them already.
        duplicate = hold_store.find_hold(order_id)
        if duplicate is not None:
            return duplicate
        raise _find_own_order_error(missing, buyer_id) or _build_unavailable(missing)
    until = rules.compute_hold_deadline(clock.now(), setting("shopping.hold_minutes"))
    hold = Hold(order_id, buyer_id, HoldState.ACTIVE, until, items)
    if expected_total not in (None, hold.total):
        raise PriceChanged(f"They now cost {hold.total}.", total=hold.total.to_dict())
    return hold_store.insert_hold(hold)


def _list_available_items(product_ids: Iterable[str]) -> list[HeldItem]:
    """The products that can be ordered now; a price in another currency than the platform's cannot be paid."""
    return rules.list_available_items(product_ids, product_store.find_products(product_ids), setting(CURRENCY))


def _release_lapsed_holds(product_ids: Iterable[str]) -> None:
    """The next buyer of a product does not wait until the job releases its lapsed hold."""
    products = product_store.find_products(product_ids).values()
    for order_id in rules.find_orders_with_lapsed_holds(products, clock.now()):
        release_if_lapsed(order_id)


def _claim_products(hold: Hold) -> None:
    """Claim the products in the order of their ids, so that two orders never block each other."""
    product_hold = {"order_id": hold.order_id, "buyer_id": hold.buyer_id, "until": hold.until}
    for item in sorted(hold.items, key=lambda item: item.product_id):
        if product_store.claim_product(item.product_id, item.price, product_hold) is None:
            _reject(hold, item.product_id)
    decided = get_hold(hold.order_id)
    if decided.state is HoldState.RELEASED:
        # It lapsed or was cancelled while it was being created: release what was claimed since.
        product_store.release_products(hold.order_id, hold.product_ids)
        raise _build_hold_ended(decided)


def _reject(hold: Hold, lost_product_id: str) -> NoReturn:
    released = hold_store.decide_released(hold.order_id, ReleaseReason.REJECTED)
    if released is not None:
        settle(released)
    products = product_store.find_products(hold.product_ids)
    raise _build_unavailable(
        [
            product_id
            for product_id in hold.product_ids
            if product_id == lost_product_id or product_id not in products or not products[product_id].is_available
        ]
    )


def _find_own_order_error(product_ids: Sequence[str], buyer_id: str) -> ProductUnavailable | None:
    """The error for a buyer whose own unpaid order holds all of these products; None for others."""
    products = product_store.find_products(product_ids).values()
    order_id = rules.find_own_order_with_all(product_ids, products, buyer_id)
    if order_id is None:
        return None
    detail = f"Your own order {order_id} holds it. Pay or cancel that order."
    return ProductUnavailable(detail, unavailable_product_ids=list(product_ids))


def _build_unavailable(product_ids: Sequence[str]) -> ProductUnavailable:
    detail = "Another buyer was faster, or the product is no longer on sale."
    return ProductUnavailable(detail, unavailable_product_ids=list(product_ids))


def _build_hold_ended(hold: Hold) -> HoldEnded:
    return HoldEnded(f"The hold of order {hold.order_id} was released ({hold.reason}).")
