"""Ends holds: sold once they are paid, otherwise released (story b-bu-03).

The document of a hold alone decides whether the order gets its products. Products and events follow from it and
may be repeated, so that the jobs complete whatever a crash interrupts.
"""

from __future__ import annotations

from collections.abc import Sequence

from libs.chassis import clock, db, event_types
from libs.chassis.event_types import HoldReleased, ProductSold
from services.shopping.holds import hold_store
from services.shopping.holds.rules import HeldItem, Hold, HoldNotFound, HoldSold, HoldState, ReleaseReason
from services.shopping.products import product_store
from services.shopping.products.rules import Product
from services.shopping.registry import registry


def get_hold(order_id: str) -> Hold:
    """Raises HoldNotFound."""
    hold = hold_store.find_hold(order_id)
    if hold is None:
        raise HoldNotFound(f"Order {order_id} has no hold.")
    return hold


def release_hold(order_id: str) -> None:
    """Release the products of an unpaid order; a released hold stays released. Raises HoldNotFound, HoldSold."""
    released = hold_store.decide_released(order_id, ReleaseReason.CANCELLED)
    if released is not None:
        settle(released)
    elif get_hold(order_id).state is HoldState.SOLD:
        raise HoldSold(f"Order {order_id} is paid; its products are sold.")


def release_if_lapsed(order_id: str) -> None:
    released = hold_store.decide_lapsed(order_id, clock.now())
    if released is not None:
        settle(released)


def settle_authorized_payment(order_id: str, buyer_id: str) -> None:
    """Sell the products of an order whose payment is authorised, if they are still held.

    A payment that arrives after the lapse, or again, gets the decision that was made before.
    """
    hold = hold_store.decide_sold(order_id) or hold_store.find_hold(order_id)
    if hold is None:
        # Without a hold the payment must not stay authorised.
        _publish_released(order_id, buyer_id, [], ReleaseReason.LAPSED)
    else:
        settle(hold)
        if hold.reason is ReleaseReason.REJECTED:
            _publish_released(order_id, buyer_id, hold.product_ids, ReleaseReason.LAPSED)


def settle(hold: Hold) -> None:
    """Let products and events follow a decided hold; may be repeated."""
    if hold.state is HoldState.SOLD:
        product_store.sell_products(hold.order_id, hold.product_ids)
        publish_decision(hold)
        products = product_store.find_products(hold.product_ids)
        for item in hold.items:
            _publish_product_sold(hold, item, products.get(item.product_id))
    else:
        product_store.release_products(hold.order_id, hold.product_ids)
        if hold.reason is not ReleaseReason.REJECTED:
            publish_decision(hold)
    if not hold.is_published:
        db.after_commit(lambda: hold_store.mark_published(hold.order_id))


def settle_product(product: Product) -> None:
    """Let one product follow its hold, if it was claimed after the hold was decided."""
    if product.hold is None:
        return
    order_id = product.hold.order_id
    hold = hold_store.find_hold(order_id)
    if hold is None or hold.state is HoldState.RELEASED:
        product_store.release_products(order_id, [product.id])
    elif hold.state is HoldState.SOLD:
        product_store.sell_products(order_id, [product.id])


def publish_decision(hold: Hold) -> None:
    """Publish that a decided hold is sold, or released."""
    if hold.state is HoldState.SOLD:
        data = event_types.HoldSold(order_id=hold.order_id, buyer_id=hold.buyer_id, product_ids=hold.product_ids)
        registry.publish("shopping.hold.sold.v1", subject=hold.order_id, data=data, version=hold.version)
    else:
        is_cancelled = hold.reason is ReleaseReason.CANCELLED
        reason = ReleaseReason.CANCELLED if is_cancelled else ReleaseReason.LAPSED
        _publish_released(hold.order_id, hold.buyer_id, hold.product_ids, reason)


def publish_sale(product: Product) -> None:
    """Publish that a product is sold; nothing when it is not."""
    hold = hold_store.find_hold(product.hold.order_id) if product.hold is not None else None
    if hold is not None and hold.state is HoldState.SOLD:
        for item in hold.items:
            if item.product_id == product.id:
                _publish_product_sold(hold, item, product)


def _publish_product_sold(hold: Hold, item: HeldItem, product: Product | None) -> None:
    """One event for each product, with its donation, because the donor gets a share (story d-po-10)."""
    data = ProductSold(
        product_id=item.product_id,
        title=item.title,
        price=item.price.to_dict(),
        buying_order_id=hold.order_id,
        donation=product.donation if product else None,
    )
    version = product.version if product else hold.version
    registry.publish("shopping.product.sold.v1", subject=item.product_id, data=data, version=version)


def _publish_released(order_id: str, buyer_id: str, product_ids: Sequence[str], reason: ReleaseReason) -> None:
    data = HoldReleased(order_id=order_id, buyer_id=buyer_id, product_ids=list(product_ids), reason=str(reason))
    registry.publish("shopping.hold.released.v1", subject=order_id, data=data, version=2)
