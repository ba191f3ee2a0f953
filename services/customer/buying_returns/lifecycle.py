"""Change the state of returns of purchases until their check (stories rb-r-re-01 to rb-r-co-01)."""

from __future__ import annotations

from libs.chassis import clock, logs
from libs.chassis.db import session
from libs.chassis.money import sum_money
from services.customer.buying_orders.queries import buying_orders
from services.customer.buying_orders.tables import BuyingOrder
from services.customer.buying_returns.publishers import publish_state_changed
from services.customer.buying_returns.queries import buying_returns
from services.customer.buying_returns.rules import (
    ENDED_BEFORE_DEPOSIT,
    LIFECYCLE,
    NOT_DEPOSITED,
    ReturnRequest,
    good_items,
    products_in,
    require_returnable,
    select_products,
)
from services.customer.buying_returns.tables import BuyingReturn, BuyingReturnTimelineEntry, ReturnedItem
from services.customer.donating_orders import sales
from services.customer.lifecycle_events import accept_event
from services.customer.service_clients import BoxHold


def find_returnable_products(order: BuyingOrder, request: ReturnRequest) -> list[str]:
    """The products that a return would have. NotReturnable, ReturnWindowOver, NotInOrder, AlreadyReturned."""
    require_returnable(order, clock.now())
    return select_products(order, buying_returns.list_by_order(order.id), request)


def create(return_id: str, order: BuyingOrder, request: ReturnRequest, hold: BoxHold) -> BuyingReturn:
    """Create a return of a locked order, with a box for it; idempotent for a `return_id`."""
    existing = buying_returns.find(return_id)
    if existing is not None:
        return existing
    product_ids, now = find_returnable_products(order, request), clock.now()
    items = [item for item in order.items if item.product_id in product_ids]
    buying_return = BuyingReturn(
        id=return_id,
        order_id=order.id,
        buyer_id=order.buyer_id,
        state=LIFECYCLE.initial,
        reason=request.reason,
        location_id=hold.location_id,
        location_name=hold.location_name,
        box_id=hold.box_id,
        box_label=hold.box_label,
        deposit_until=hold.until,
        is_whole_order=len(items) == len(order.items),
        price_amount=sum_money((item.price for item in items), order.currency).amount,
        currency=order.currency,
        created_at=now,
        items=[
            ReturnedItem(
                position=position,
                product_id=item.product_id,
                title=item.title,
                amount=item.amount,
                currency=item.currency,
            )
            for position, item in enumerate(items)
        ],
        timeline=[BuyingReturnTimelineEntry(state=LIFECYCLE.initial, at=now)],
    )
    session().add(buying_return)
    session().flush()
    publish_state_changed(buying_return)
    return buying_return


def cancel(buying_return: BuyingReturn) -> None:
    """Cancel the return for its buyer, before the deposit; idempotent. IllegalTransition."""
    if buying_return.state != "cancelled":
        apply_transition(buying_return, "cancel")


def apply_transition(buying_return: BuyingReturn, transition: str) -> None:
    """Apply a transition and publish it. IllegalTransition."""
    buying_return.state = LIFECYCLE.apply(buying_return.state, transition)
    buying_return.timeline.append(BuyingReturnTimelineEntry(state=buying_return.state, at=clock.now()))
    buying_return.is_whole_order = buying_return.is_whole_order or _includes_last_product(buying_return)
    if buying_return.state == "checked_good":
        buying_return.refund_amount = buying_return.price_amount
    session().flush()
    if transition == "force_cancel":
        sales.undo_sale(buying_return.product_ids)
    elif transition in ("check_good", "check_bad"):
        sales.undo_sale([item.product_id for item in good_items(buying_return)])
    publish_state_changed(buying_return)


def apply_event(return_id: str, transition: str) -> None:
    """Apply an event of another domain. LookupError when it is early."""
    due = accept_event(LIFECYCLE, transition, return_id, buying_returns.find(return_id, locked=True))
    if due is None or (transition == "put_in_box" and not _claim_products(due)):
        return
    apply_transition(due, transition)


def _claim_products(deposited: BuyingReturn) -> bool:
    """Cancel other returns that wait for the products that are now in the box of this one.

    False when another return has them already, which no door can cause; staff have to look.
    """
    for other in buying_returns.list_by_order(deposited.order_id):
        is_disjoint = not products_in([deposited]) & products_in([other])
        if other.id == deposited.id or is_disjoint or other.state in ENDED_BEFORE_DEPOSIT:
            continue
        if other.state != "created":
            logs.get_logger(__name__).critical("products returned twice", return_id=deposited.id, other_id=other.id)
            return False
        apply_transition(other, "cancel")
    return True


def _includes_last_product(buying_return: BuyingReturn) -> bool:
    """Whether the buyer keeps nothing of the order once this return is deposited."""
    order = buying_orders.get(buying_return.order_id)
    others = [
        other
        for other in buying_returns.list_by_order(order.id)
        if other.state not in NOT_DEPOSITED and other.id != buying_return.id
    ]
    return products_in([buying_return, *others]) >= set(order.product_ids)


def is_sold_for_good(order_id: str, product_id: str) -> bool:
    """Whether the order's buyer has paid for the product and did not return it good; True for an unknown order."""
    order = buying_orders.find(order_id, locked=True)
    if order is not None and order.state in ("placed", "cancelled", "expired"):
        return False
    returned = {
        item.product_id
        for existing in buying_returns.list_by_order(order_id)
        for item in (existing.items if existing.is_force_cancelled else good_items(existing))
    }
    return product_id not in returned
