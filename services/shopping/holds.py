"""Holding unique products for an order, and what becomes of a hold: sold once, or released (story b-bu-03).

A product goes to an order by one atomic claim each. The hold's document decides alone whether the order got
its products for good; products and events follow from it and may be repeated, so that a crash at any point
leaves nothing that the sweeper does not finish.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import NoReturn

from libs.chassis import clock, db, jobs
from libs.chassis.money import Money
from libs.chassis.problems import Conflict, NotFound
from libs.chassis.system_settings import CURRENCY, setting
from services.shopping import hold_rules, hold_store, product_store
from services.shopping.hold_store import HeldItem, Hold, HoldState, ReleaseReason
from services.shopping.products import Product, ProductUnavailable
from services.shopping.registry import registry

# A request or a worker finishes its own decision within this time; only what is older is left over.
LEFT_OVER_AFTER = timedelta(seconds=5)
MOST_AT_ONCE = 200


class HoldNotFound(NotFound):
    slug = "hold-not-found"
    title = "There is no hold for this order"


class HoldMismatch(Conflict):
    slug = "hold-mismatch"
    title = "The order already has a hold of other products"


class PriceChanged(Conflict):
    slug = "price-changed"
    title = "The products have another price now"


class HoldEnded(Conflict):
    slug = "hold-ended"
    title = "The hold of this order has ended"


class HoldSold(Conflict):
    slug = "hold-sold"
    title = "The products of this order are sold"


@dataclass(frozen=True)
class Quote:
    """What products cost now; `gone` are the ids of those that nobody can order at the moment."""

    items: list[HeldItem]
    gone: list[str]


def quote(product_ids: Sequence[str]) -> Quote:
    """Present titles and prices, for the review before the order (story b-bu-02); nothing is held."""
    items = _available(product_ids)
    return Quote(items, sorted(set(product_ids) - {item.product_id for item in items}))


def create_hold(
    order_id: str, buyer_id: str, product_ids: Sequence[str], expected_total: Money | None = None
) -> Hold:
    """Holds all these products for the order, or none of them.

    Repeated for the same order and products it returns the same hold, and finishes one that a crash left half
    made. Raises ProductUnavailable (with `unavailable_product_ids`), PriceChanged (with `total`) when the buyer was
    shown another total, HoldMismatch, HoldEnded.
    """
    hold = hold_store.find_hold(order_id) or _open_hold(order_id, buyer_id, product_ids, expected_total)
    if not hold_rules.is_same_order(hold, buyer_id, product_ids):
        raise HoldMismatch(f"Order {order_id} holds other products.")
    if hold.state is HoldState.RELEASED:
        raise HoldEnded(f"The hold of order {order_id} was released ({hold.reason}).")
    if hold.state is HoldState.ACTIVE:
        _claim_all(hold)
    return hold


def get_hold(order_id: str) -> Hold:
    """Raises HoldNotFound."""
    hold = hold_store.find_hold(order_id)
    if hold is None:
        raise HoldNotFound(f"No hold was made for order {order_id}.")
    return hold


def release_hold(order_id: str) -> None:
    """Gives the products of an unpaid order back; a hold that is released already stays so.

    Raises HoldNotFound, HoldSold.
    """
    released = hold_store.decide_released(order_id, ReleaseReason.CANCELLED)
    if released is not None:
        settle(released)
    elif get_hold(order_id).state is HoldState.SOLD:
        raise HoldSold(f"Order {order_id} is paid; its products are sold.")


def decide_after_payment(order_id: str, buyer_id: str) -> None:
    """The payment of the order is authorised: its products are sold if they are still held.

    A payment that comes after the lapse, or again, gets the decision that was made before.
    """
    hold = hold_store.decide_sold(order_id) or hold_store.find_hold(order_id)
    if hold is None:
        # No such hold was ever made: the money must not stay authorised.
        _publish_released(order_id, buyer_id, [], ReleaseReason.LAPSED)
    else:
        settle(hold)
        if hold.reason is ReleaseReason.REFUSED:
            _publish_released(order_id, buyer_id, hold.product_ids, ReleaseReason.LAPSED)


def settle(hold: Hold) -> None:
    """Lets products and events follow a decided hold; may be repeated."""
    if hold.state is HoldState.SOLD:
        product_store.sell_products(hold.order_id, hold.product_ids)
        announce_decision(hold)
        _publish_sold(hold)
    else:
        product_store.free_products(hold.order_id, hold.product_ids)
        if hold.reason is not ReleaseReason.REFUSED:
            announce_decision(hold)
    if not hold.announced:
        db.after_commit(lambda: hold_store.mark_announced(hold.order_id))


def announce_decision(hold: Hold) -> None:
    """Publish that a decided hold is sold, or released."""
    if hold.state is HoldState.SOLD:
        data = {"order_id": hold.order_id, "buyer_id": hold.buyer_id, "product_ids": hold.product_ids}
        registry.publish("shopping.hold.sold.v1", subject=hold.order_id, data=data, version=hold.version)
    else:
        is_cancelled = hold.reason is ReleaseReason.CANCELLED
        reason = ReleaseReason.CANCELLED if is_cancelled else ReleaseReason.LAPSED
        _publish_released(hold.order_id, hold.buyer_id, hold.product_ids, reason)


def _publish_sold(hold: Hold) -> None:
    """Each product on its own, with its donation: donors get their share (story d-po-10)."""
    products = product_store.find_products(hold.product_ids)
    for item in hold.items:
        _publish_item_sold(hold, item, products.get(item.product_id))


def announce_sale(product: Product) -> None:
    """Publish that a product is sold; nothing when it is not."""
    hold = hold_store.find_hold(product.hold.order_id) if product.hold is not None else None
    if hold is not None and hold.state is HoldState.SOLD:
        for item in hold.items:
            if item.product_id == product.id:
                _publish_item_sold(hold, item, product)


def _publish_item_sold(hold: Hold, item: HeldItem, product: Product | None) -> None:
    data = {
        "product_id": item.product_id,
        "title": item.title,
        "price": item.price.to_dict(),
        "buying_order_id": hold.order_id,
        "donation": product.donation if product else None,
    }
    version = product.version if product else hold.version
    registry.publish("shopping.product.sold.v1", subject=item.product_id, data=data, version=version)


def _publish_released(order_id: str, buyer_id: str, product_ids: Sequence[str], reason: ReleaseReason) -> None:
    data = {
        "order_id": order_id,
        "buyer_id": buyer_id,
        "product_ids": list(product_ids),
        "reason": str(reason),
    }
    registry.publish("shopping.hold.released.v1", subject=order_id, data=data, version=2)


def sweep() -> None:
    """Releases lapsed holds and finishes what a crash left unfinished."""
    now = clock.now()
    left_over = now - LEFT_OVER_AFTER
    sweep_found = partial(jobs.for_each_in_pages, job="sweep_holds")
    sweep_found(partial(hold_store.lapsed_order_ids, now, MOST_AT_ONCE), _release_if_lapsed, id_of=str)
    unannounced = partial(hold_store.unannounced_holds, left_over, MOST_AT_ONCE)
    sweep_found(unannounced, settle, id_of=lambda hold: hold.order_id)
    strays = partial(product_store.products_held_past, left_over, MOST_AT_ONCE)
    sweep_found(strays, _settle_stray, id_of=lambda product: product.id)


def _open_hold(order_id: str, buyer_id: str, product_ids: Sequence[str], expected_total: Money | None) -> Hold:
    _release_lapsed_holds_of(product_ids)
    items = _available(product_ids)
    missing = set(product_ids) - {item.product_id for item in items}
    if missing:
        # The same request may have come twice at once, and its twin already holds them.
        twin = hold_store.find_hold(order_id)
        if twin is not None:
            return twin
        raise _held_by_own_order(sorted(missing), buyer_id) or _unavailable(sorted(missing))
    until = hold_rules.deadline(clock.now(), setting("shopping.hold_minutes"))
    hold = Hold(order_id, buyer_id, HoldState.ACTIVE, until, items)
    if expected_total not in (None, hold.total):
        raise PriceChanged(f"They cost {hold.total} now.", total=hold.total.to_dict())
    return hold_store.insert_hold(hold)


def _available(product_ids: Sequence[str]) -> list[HeldItem]:
    """What can be ordered now; what is priced in another currency than that of the platform cannot."""
    return hold_rules.available_items(product_ids, product_store.find_products(product_ids), setting(CURRENCY))


def _release_lapsed_holds_of(product_ids: Iterable[str]) -> None:
    """A lapsed hold met on the way is released at once: the next buyer need not wait for the sweeper."""
    products = product_store.find_products(product_ids).values()
    for order_id in hold_rules.orders_with_lapsed_holds(products, clock.now()):
        _release_if_lapsed(order_id)


def _release_if_lapsed(order_id: str) -> None:
    released = hold_store.decide_lapsed(order_id, clock.now())
    if released is not None:
        settle(released)


def _claim_all(hold: Hold) -> None:
    """Claims the products in the order of their ids, so that two orders never wait for each other's."""
    mark = {"order_id": hold.order_id, "buyer_id": hold.buyer_id, "until": hold.until}
    for item in sorted(hold.items, key=lambda item: item.product_id):
        if product_store.claim_product(item.product_id, item.price, mark) is None:
            _refuse(hold, item.product_id)
    decided = get_hold(hold.order_id)
    if decided.state is HoldState.RELEASED:
        # It lapsed, or was cancelled, while it was being made: what was claimed since goes back.
        product_store.free_products(hold.order_id, hold.product_ids)
        raise HoldEnded(f"The hold of order {hold.order_id} was released ({decided.reason}).")


def _refuse(hold: Hold, lost_product_id: str) -> NoReturn:
    released = hold_store.decide_released(hold.order_id, ReleaseReason.REFUSED)
    if released is not None:
        settle(released)
    products = product_store.find_products(hold.product_ids)
    lost = [
        product_id
        for product_id in hold.product_ids
        if product_id == lost_product_id or product_id not in products or not products[product_id].is_available
    ]
    raise _unavailable(lost)


def _held_by_own_order(product_ids: Sequence[str], buyer_id: str) -> ProductUnavailable | None:
    """What to say to a buyer whose own open order has all of these products; None for others."""
    products = product_store.find_products(product_ids).values()
    order_id = hold_rules.own_order_with_all(product_ids, products, buyer_id)
    if order_id is None:
        return None
    detail = f"Your own order {order_id} holds it; pay that one, or cancel it."
    return ProductUnavailable(detail, unavailable_product_ids=list(product_ids))


def _unavailable(product_ids: Sequence[str]) -> ProductUnavailable:
    return ProductUnavailable(
        "Somebody else was quicker, or it is no longer sold.", unavailable_product_ids=list(product_ids)
    )


def _settle_stray(product: Product) -> None:
    """A product held past its time though its hold is decided: its claim came after the decision."""
    mark = product.hold
    hold = hold_store.find_hold(mark.order_id) if mark else None
    if mark and (hold is None or hold.state is HoldState.RELEASED):
        product_store.free_products(mark.order_id, [product.id])
    elif mark and hold and hold.state is HoldState.SOLD:
        product_store.sell_products(mark.order_id, [product.id])
