"""The rules of returns of purchases inside the return window (stories rb-r-re-01 to rb-r-po-03).

A return is checked as bad when one of its products is bad. What is good is refunded at the check; for the rest
staff agree on a refund with the buyer, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.chassis.deadlines import format_deadline
from libs.chassis.money import Money, sum_money
from libs.chassis.problems import Conflict, Unprocessable
from libs.chassis.state_machine import StateMachine
from services.customer.buying_orders.tables import BuyingOrder
from services.customer.buying_returns.tables import BuyingReturn, ReturnedItem

ID_PREFIX = "rbo"
LIFECYCLE = StateMachine(
    name="return of a purchase",
    initial="created",
    transitions={
        "cancel": {"created": "cancelled"},
        "expire": {"created": "expired"},
        # The door may be open while the return is cancelled: clothes in the box are returned all the same.
        "put_in_box": dict.fromkeys(("created", "cancelled", "expired"), "in_box"),
        "collect": {"in_box": "collected"},
        "check_good": {"collected": "checked_good"},
        "check_bad": {"collected": "checked_bad"},
        "decide_refund": {"checked_bad": "refund_decided"},
        "complete": {"checked_good": "completed", "refund_decided": "completed"},
        # The clothes were lost after they had been handed in.
        "force_cancel": {"in_box": "refund_decided", "collected": "refund_decided"},
    },
)
ENDED_BEFORE_DEPOSIT = frozenset({"cancelled", "expired"})
NOT_DEPOSITED = ENDED_BEFORE_DEPOSIT | {"created"}


class ReturnWindowOver(Conflict):
    slug, title = "return-window-over", "The return window of the order is over"


class AlreadyReturned(Conflict):
    slug, title = "already-returned", "A product is already in another return"


class NotInOrder(Unprocessable):
    slug, title = "not-in-order", "A product is not in that order"


class NotReturnable(Conflict):
    slug, title = "illegal-transition", "The present state of the order does not allow a return"


@dataclass(frozen=True)
class ReturnRequest:
    """What a buyer wants to return and why; no product ids stand for all products that are not in a return yet."""

    product_ids: Sequence[str] = ()
    reason: str | None = None


def require_returnable(order: BuyingOrder, now: datetime) -> None:
    """NotReturnable before the pick-up, ReturnWindowOver after the end of the window."""
    if order.state not in ("picked_up", "completed") or order.return_until is None:
        raise NotReturnable(
            f"it is {order.state.replace('_', ' ')}; only an order that was picked up can be returned"
        )
    if order.state == "completed" or order.return_until < now:
        deadline = format_deadline(order.return_until, order.pickup_time_zone)
        raise ReturnWindowOver(f"it could be returned until {deadline}")


def select_products(order: BuyingOrder, returns: Iterable[BuyingReturn], request: ReturnRequest) -> list[str]:
    """The products that the return would have, in the sequence of the order. NotInOrder, AlreadyReturned.

    `returns`: the returns that the order has already.
    """
    bought = order.product_ids
    for position, product_id in enumerate(request.product_ids):
        if product_id not in bought:
            detail = "this product is not in the order"
            raise NotInOrder(detail, errors=[{"pointer": f"/product_ids/{position}", "detail": detail}])
    in_returns = products_in(existing for existing in returns if existing.state not in ENDED_BEFORE_DEPOSIT)
    if in_returns & set(request.product_ids):
        raise AlreadyReturned("look at the returns of the order")
    requested = set(request.product_ids) or set(bought) - in_returns
    if not requested:
        raise AlreadyReturned("all products of the order are in a return already")
    return [product_id for product_id in bought if product_id in requested]


def kept_products(order: BuyingOrder, returns: Sequence[BuyingReturn]) -> list[str] | None:
    """The products that the buyer keeps; None while a return is open whose clothes may still be deposited."""
    if any(existing.state == "created" for existing in returns):
        return None
    returned = products_in(existing for existing in returns if existing.state not in ENDED_BEFORE_DEPOSIT)
    return [product_id for product_id in order.product_ids if product_id not in returned]


def products_in(returns: Iterable[BuyingReturn]) -> set[str]:
    return {product_id for existing in returns for product_id in existing.product_ids}


def good_items(buying_return: BuyingReturn) -> list[ReturnedItem]:
    """The items whose check found them good."""
    return [item for item in buying_return.items if item.check_result == "good"]


def refund_at_check(buying_return: BuyingReturn) -> int:
    """The price of the good items beside bad ones, in minor units; it is refunded without a decision."""
    if not any(entry.state == "checked_bad" for entry in buying_return.timeline):
        return 0
    return sum_money((item.price for item in good_items(buying_return)), buying_return.currency).amount


def agreed_refund(buying_return: BuyingReturn, refund: Money) -> int:
    """The refund in all, in minor units: what was agreed, at least what was refunded at the check.

    ValueError for more than the price, or for another currency.
    """
    if refund.currency != buying_return.currency or refund.amount > buying_return.price_amount:
        raise ValueError(f"return {buying_return.id}: {refund} is more than was paid")
    return max(refund.amount, refund_at_check(buying_return))
