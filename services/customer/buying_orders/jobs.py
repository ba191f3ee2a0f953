"""Periodic jobs: interrupted placements, reminders and deadlines of buying orders."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, Select, select

from libs.chassis import clock
from libs.chassis.db import session, unit_of_work
from libs.chassis.jobs import for_each
from services.customer import service_clients
from services.customer.buying_orders import lifecycle, placements
from services.customer.buying_orders.queries import buying_orders
from services.customer.buying_orders.rules import OFFLINE_TOLERANCE, REMIND_BEFORE
from services.customer.buying_orders.tables import BuyingOrder, OrderPlacement
from services.customer.buying_returns.queries import buying_returns
from services.customer.buying_returns.rules import kept_products
from services.customer.buying_returns.tables import BuyingReturn
from services.customer.registry import registry
from services.customer.service_clients import Location, ProductHold

BATCH_SIZE = 100
BATCH_SIZE_IN_REQUEST = 2  # a buyer waits for them


@registry.every(seconds=2)
def complete_interrupted_placements() -> None:
    """Place the orders whose products are held and whose requests were interrupted."""
    _complete_each(placements.select_interrupted().limit(BATCH_SIZE))


def complete_interrupted_placements_of(buyer_id: str, *, except_order_id: str) -> None:
    """Place the buyer's interrupted orders that hold products.

    Placements whose requests may still be running are left to them.
    """
    own = placements.select_interrupted().where(
        OrderPlacement.buyer_id == buyer_id, OrderPlacement.order_id != except_order_id
    )
    _complete_each(own.limit(BATCH_SIZE_IN_REQUEST))


def _complete_each(due: Select[str]) -> None:
    for_each("complete_interrupted_placements", due, _complete_placement)


def _complete_placement(order_id: str) -> None:
    # Ends before shopping is called, so that nothing is locked meanwhile.
    with unit_of_work(reads_only=True):
        placement = placements.find(order_id)
    if placement is None:
        return
    hold = _complete_hold(placement)
    if hold is not None:
        location = Location(
            placement.pickup_location_id, placement.pickup_location_name, placement.pickup_time_zone
        )
        lifecycle.place(order_id, placement.buyer_id, hold.items, location, hold.until)
    placements.finish(order_id)


def _complete_hold(placement: OrderPlacement) -> ProductHold | None:
    """The hold of a placement, completed if a crash left it incomplete.

    None when there is none, or when shopping refuses it.
    """
    hold = service_clients.find_hold(placement.order_id)
    if hold is None:
        return None
    product_ids = [item.product_id for item in hold.items]
    try:
        return service_clients.hold_products(placement.order_id, placement.buyer_id, product_ids, None)
    except service_clients.ProductUnavailable:
        return None


@registry.every(seconds=30)
def complete_orders() -> None:
    """Complete the orders whose return window is over, unless a return may still be put into its box."""
    open_return = select(BuyingReturn.id).where(
        BuyingReturn.order_id == BuyingOrder.id, BuyingReturn.state == "created"
    )
    due = select(BuyingOrder.id).where(
        BuyingOrder.state == "picked_up", BuyingOrder.return_until < clock.now(), ~open_return.exists()
    )
    for_each("complete_orders", due.order_by(BuyingOrder.return_until).limit(BATCH_SIZE), _complete_order)


def _complete_order(order_id: str) -> None:
    order = buying_orders.find(order_id, locked=True)
    if order is None or order.state != "picked_up":
        return  # another worker was faster
    kept = kept_products(order, buying_returns.list_by_order(order.id))
    if kept is not None:
        lifecycle.complete(order, kept)


@registry.every(seconds=60)
def watch_pick_ups() -> None:
    """Remind buyers of orders in boxes, and cancel the orders that were not picked up in time."""
    now = clock.now()
    _for_each_in_box(
        "remind_to_pick_up",
        lifecycle.remind_to_pick_up,
        BuyingOrder.pick_up_until < now + REMIND_BEFORE,
        BuyingOrder.pick_up_reminded_at.is_(None),
    )
    _for_each_in_box(
        "cancel_not_picked_up", _cancel_not_picked_up, BuyingOrder.pick_up_until < now - OFFLINE_TOLERANCE
    )


def _cancel_not_picked_up(order: BuyingOrder) -> None:
    lifecycle.force_cancel(order, "not_picked_up", missing=order.product_ids)


def _for_each_in_box(job: str, act: Callable[[BuyingOrder], None], *conditions: ColumnElement[bool]) -> None:
    """Act on each of the orders in boxes that meet the conditions."""
    due = select(BuyingOrder.id).where(BuyingOrder.state == "in_box", *conditions)

    def act_if_due(order_id: str) -> None:
        order = buying_orders.find(order_id, locked=True)
        if order is not None and session().scalar(due.where(BuyingOrder.id == order_id)):
            act(order)

    # Each in a unit of work of its own: an order's donations are locked after the order, so that two orders locked
    # together could deadlock.
    for_each(job, due.order_by(BuyingOrder.pick_up_until).limit(BATCH_SIZE), act_if_due)
