"""Returns of purchases inside the return window (stories rb-r-re-01 to rb-r-po-03).

An order and its returns are changed under the lock of the order: two returns of the same coat, or a return and the
end of the window, meet there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload
from sqlalchemy.orm.attributes import flag_modified

from libs.chassis import clock, logs
from libs.chassis.db import locked_scalar, session
from libs.chassis.deadlines import format_deadline
from libs.chassis.money import sum_money
from libs.chassis.problems import Conflict, NotFound, Unprocessable
from libs.chassis.state_machine import EventTiming, StateMachine
from services.customer import buying_orders, donating_orders
from services.customer.donating_orders import BoxHold
from services.customer.models import (
    BuyingOrder,
    BuyingReturnTimelineEntry,
    ReturnBuyingOrder,
    ReturnedItem,
)
from services.customer.registry import registry
from services.customer.returned_items import good_items, result_of

MACHINE = StateMachine(
    name="return",
    initial="created",
    transitions={
        "cancel": {"created": "cancelled"},
        "expire": {"created": "expired"},
        # The door may be open while the return is given up: clothes in a box are returned all the same.
        "put_in_box": dict.fromkeys(("created", "cancelled", "expired"), "in_box"),
        "collect": {"in_box": "collected"},
        "check_good": {"collected": "checked_good"},
        "check_bad": {"collected": "checked_bad"},
        "decide_refund": {"checked_bad": "refund_decided"},
        "complete": {"checked_good": "completed", "refund_decided": "completed"},
        # They were in our hands and are not found any more.
        "give_up": {"in_box": "refund_decided", "collected": "refund_decided"},
    },
)
CALLED_OFF = frozenset({"cancelled", "expired"})
NOT_HANDED_IN = CALLED_OFF | {"created"}


class ReturnWindowOver(Conflict):
    slug, title = "return-window-over", "The time for returning the order is over"


class AlreadyReturned(Conflict):
    slug, title = "already-returned", "A product is in another return already"


class NotInOrder(Unprocessable):
    slug, title = "not-in-order", "A product is not in that order"


class NotReturnable(Conflict):
    slug, title = "illegal-transition", "The order cannot do that in its present state"


@dataclass(frozen=True)
class Wish:
    """What a buyer wants to return, and why; without products it is all that is not in a return yet."""

    product_ids: Sequence[str]
    reason: str | None = None


def wanted_products(order: BuyingOrder, wish: Wish) -> list[str]:
    """The products that a return of this wish would have, in the order's sequence.

    NotReturnable, ReturnWindowOver, NotInOrder, AlreadyReturned.
    """
    refuse_unless_returnable(order)
    return chosen_products(order, of_order(order.id), wish)


def refuse_unless_returnable(order: BuyingOrder) -> None:
    """NotReturnable before the pick-up, ReturnWindowOver after the last moment of the window."""
    if order.state not in ("picked_up", "completed") or order.return_until is None:
        raise NotReturnable(f"it is {order.state.replace('_', ' ')}; only what was picked up can be returned")
    if order.state == "completed" or order.return_until < clock.now():
        raise ReturnWindowOver(
            f"it could be returned until {format_deadline(order.return_until, order.pickup_time_zone)}"
        )


def chosen_products(order: BuyingOrder, returns: Iterable[ReturnBuyingOrder], wish: Wish) -> list[str]:
    """The same for an order that can be returned and has these returns; NotInOrder, AlreadyReturned."""
    bought = [item.product_id for item in order.items]
    for position, product_id in enumerate(wish.product_ids):
        if product_id not in bought:
            detail = "this product is not in the order"
            raise NotInOrder(detail, errors=[{"pointer": f"/product_ids/{position}", "detail": detail}])
    busy = _products_in(made for made in returns if made.state not in CALLED_OFF)
    if busy & set(wish.product_ids):
        raise AlreadyReturned("look at the returns of the order")
    wanted = [found for found in bought if found in (wish.product_ids or set(bought) - busy)]
    if not wanted:
        raise AlreadyReturned("everything of the order is in a return already")
    return wanted


def create(return_id: str, order: BuyingOrder, wish: Wish, hold: BoxHold) -> ReturnBuyingOrder:
    """A return of a locked order, with a box for it; the same `return_id` again is the return that is there."""
    known = find(return_id)
    if known is not None:
        return known
    wanted, moment = wanted_products(order, wish), clock.now()
    items = [item for item in order.items if item.product_id in wanted]
    made = ReturnBuyingOrder(
        id=return_id,
        order_id=order.id,
        buyer_id=order.buyer_id,
        state="created",
        reason=wish.reason,
        location_id=hold.location_id,
        location_name=hold.location_name,
        box_id=hold.box_id,
        box_label=hold.box_label,
        deposit_until=hold.until,
        is_whole_order=len(items) == len(order.items),
        price_amount=sum_money((item.price for item in items), order.currency).amount,
        currency=order.currency,
        created_at=moment,
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
        timeline=[BuyingReturnTimelineEntry(state="created", at=moment)],
    )
    session().add(made)
    session().flush()
    announce(made, None)
    return made


def cancel(made: ReturnBuyingOrder) -> None:
    """The buyer keeps the clothes after all, while they are not in the box. IllegalTransition.

    Repeated it changes nothing.
    """
    if made.state != "cancelled":
        move(made, "cancel")


def move(made: ReturnBuyingOrder, name: str) -> None:
    """Make a move and tell of it; IllegalTransition."""
    before = made.state
    made.state = MACHINE.apply(before, name)
    made.timeline.append(BuyingReturnTimelineEntry(state=made.state, at=clock.now()))
    made.is_whole_order = made.is_whole_order or _nothing_stays(made)
    if made.state == "checked_good":
        made.refund_amount = made.price_amount
    session().flush()
    if name == "give_up":
        donating_orders.sale_undone([item.product_id for item in made.items])
    elif name in ("check_good", "check_bad"):
        donating_orders.sale_undone([item.product_id for item in good_items(made)])
    announce(made, before)


def happened(return_id: str, name: str) -> None:
    """Something has happened to the return elsewhere; LookupError when it must wait for something before it."""
    made = locked_with_order(return_id)
    fact = EventTiming.EARLY if made is None else MACHINE.classify(made.state, name)
    if fact == EventTiming.EARLY or made is None:
        raise LookupError(f"return {return_id} cannot {name} yet")
    if fact == EventTiming.STALE or (name == "put_in_box" and not _claim_clothes(made)):
        return
    move(made, name)


def _claim_clothes(made: ReturnBuyingOrder) -> bool:
    """The clothes lie in this return's box: another return that waits for them is off.

    False when another one has them already, which no door can do; staff has to look.
    """
    mine = _products_in([made])
    for other in of_order(made.order_id):
        if other.id == made.id or not mine & _products_in([other]) or other.state in CALLED_OFF:
            continue
        if other.state != "created":
            logs.get_logger(__name__).critical("clothes returned twice", return_id=made.id, other_id=other.id)
            return False
        move(other, "cancel")
    return True


def _nothing_stays(made: ReturnBuyingOrder) -> bool:
    """Whether the buyer has nothing left of the order, once this return is handed in."""
    order = buying_orders.get(made.order_id)
    others = (one for one in of_order(order.id) if one.state not in NOT_HANDED_IN and one.id != made.id)
    return _products_in([made, *others]) >= {item.product_id for item in order.items}


def sale_stands(order_id: str, product_id: str) -> bool:
    """Whether the buyer has paid for the product of an order and did not bring it back good; True if unknown."""
    order = buying_orders.find(order_id, locked=True)
    if order is not None and order.state in ("placed", "cancelled", "expired"):
        return False
    back = (item for made in of_order(order_id) for item in (made.items if made.is_given_up else good_items(made)))
    return product_id not in {item.product_id for item in back}


def kept_products(order: BuyingOrder, returns: Sequence[ReturnBuyingOrder]) -> list[str] | None:
    """What the buyer keeps of an order; None while one of its returns is open that may still be handed in."""
    if any(made.state == "created" for made in returns):
        return None
    returned = _products_in(made for made in returns if made.state not in CALLED_OFF)
    return [item.product_id for item in order.items if item.product_id not in returned]


def _products_in(returns: Iterable[ReturnBuyingOrder]) -> set[str]:
    return {item.product_id for made in returns for item in made.items}


WHOLE = (selectinload(ReturnBuyingOrder.items), selectinload(ReturnBuyingOrder.timeline))


def of_order(order_id: str) -> list[ReturnBuyingOrder]:
    """The returns of an order, oldest first."""
    statement = select(ReturnBuyingOrder).where(ReturnBuyingOrder.order_id == order_id).options(*WHOLE)
    ordered = statement.order_by(ReturnBuyingOrder.created_at, ReturnBuyingOrder.id)
    return list(session().scalars(ordered))


def find(return_id: str) -> ReturnBuyingOrder | None:
    return session().scalar(select(ReturnBuyingOrder).where(ReturnBuyingOrder.id == return_id).options(*WHOLE))


def get(return_id: str) -> ReturnBuyingOrder:
    """A return by its id; NotFound."""
    made = find(return_id)
    if made is None:
        raise NotFound
    return made


def get_locked(return_id: str) -> ReturnBuyingOrder:
    """A return, and its order, locked; NotFound."""
    made = locked_with_order(return_id)
    if made is None:
        raise NotFound
    return made


def get_own(return_id: str, buyer_id: str, *, locked: bool = False) -> ReturnBuyingOrder:
    """An own return; NotFound for somebody else's too (domain rule 5)."""
    made = locked_with_order(return_id) if locked else find(return_id)
    if made is None or made.buyer_id != buyer_id:
        raise NotFound
    return made


def locked_with_order(return_id: str) -> ReturnBuyingOrder | None:
    """The return as it is once its order is locked: whoever changes it holds that lock."""
    order_id = session().scalar(select(ReturnBuyingOrder.order_id).where(ReturnBuyingOrder.id == return_id))
    if order_id is None:
        return None
    buying_orders.find(order_id, locked=True)
    statement = select(ReturnBuyingOrder).where(ReturnBuyingOrder.id == return_id).options(*WHOLE)
    return locked_scalar(statement)


def announce_again(made: ReturnBuyingOrder) -> None:
    """Tell of what is not a move, as the newest news of the return."""
    flag_modified(made, "state")  # so that there is a new version
    session().flush()
    announce(made, made.state, at=clock.now())


def announce(made: ReturnBuyingOrder, before: str | None, *, at: datetime | None = None) -> None:
    data = {
        "return_id": made.id,
        "order_id": made.order_id,
        "buyer_id": made.buyer_id,
        "state": made.state,
        "previous_state": before,
        "product_ids": [item.product_id for item in made.items],
        "is_whole_order": made.is_whole_order,
        "items": [_told(made, item) for item in made.items],
        "price": made.price.to_dict(),
        "refund": made.refund.to_dict() if made.refund else None,
        "is_given_up": made.is_given_up,
        "location_id": made.location_id,
        "location_name": made.location_name,
        "at": clock.rfc3339(at or made.timeline[-1].at),
    }
    registry.publish(
        "customer.return_buying_order.state_changed.v1", subject=made.id, data=data, version=made.version
    )


def _told(made: ReturnBuyingOrder, item: ReturnedItem) -> dict[str, Any]:
    return {
        "product_id": item.product_id,
        "title": item.title,
        "price": item.price.to_dict(),
        "result": result_of(made, item),
    }
