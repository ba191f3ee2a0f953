"""What the check of a return gave, or that there can be none, and what is paid back (stories rb-r-po-01 to -03).

What was good is paid back at the check. For the rest staff decide with the buyer, once. The clothes of a return
that was given up may be found later: all is paid back by then, and their check only says what becomes of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from libs.chassis import logs
from libs.chassis.db import session
from libs.chassis.money import Money
from libs.chassis.state_machine import EventTiming
from services.customer import buying_orders, buying_returns
from services.customer.buying_returns import MACHINE
from services.customer.models import OrderRefund, ReturnBuyingOrder
from services.customer.returned_items import paid_back_at_check


@dataclass(frozen=True)
class ProductCheck:
    """What the check of one product gave: `good`, or `bad` and why."""

    result: str
    reason: str | None = None


def checked(return_id: str, whole: str, products: Mapping[str, ProductCheck]) -> None:
    """The clothes were checked: `products` says what each gave, `whole` what those gave that are not there.

    LookupError while the return is not known as collected.
    """
    made = buying_returns.locked_with_order(return_id)
    name = f"check_{whole}"
    fact = EventTiming.EARLY if made is None else MACHINE.classify(made.state, name)
    if fact == EventTiming.EARLY or made is None:
        raise LookupError(f"return {return_id} cannot {name} yet")
    if fact == EventTiming.DUE:
        _note(made, whole, products)
        buying_returns.move(made, name)
        if whole == "good":
            _settle(made)
    elif made.is_given_up and not any(item.check_result for item in made.items):
        _note(made, whole, products)
        buying_returns.announce_again(made)


def _note(made: ReturnBuyingOrder, whole: str, products: Mapping[str, ProductCheck]) -> None:
    for item in made.items:
        check = products.get(item.product_id, ProductCheck(whole))
        item.check_result, item.check_reason = check.result, check.reason


def give_up(made: ReturnBuyingOrder) -> None:
    """The clothes were handed in and nobody can check them: all is paid back. IllegalTransition.

    Repeated it changes nothing.
    """
    if made.is_given_up:
        return
    MACHINE.apply(made.state, "give_up")
    made.is_given_up, made.refund_amount = True, made.price_amount
    buying_returns.move(made, "give_up")
    _settle(made)


def decide_refund(return_id: str, refund: Money) -> None:
    """Staff decided with the buyer what is paid back in all (rb-r-po-02); LookupError when too early.

    A return that was given up is paid back whole already, whatever was agreed meanwhile.
    """
    made = buying_returns.locked_with_order(return_id)
    if made is None or MACHINE.classify(made.state, "decide_refund") == EventTiming.EARLY:
        raise LookupError(f"return {return_id} was not checked as bad yet")
    if made.state != "checked_bad":
        return
    made.refund_amount = agreed_refund(made, refund)
    if refund.amount < made.refund_amount:  # of an admin that knows nothing of pieces
        logs.get_logger(__name__).critical("less was agreed than is paid back already", return_id=return_id)
    buying_returns.move(made, "decide_refund")
    _settle(made)


def agreed_refund(made: ReturnBuyingOrder, refund: Money) -> int:
    """What is paid back in all, in minor units: what was agreed, and not less than was paid back at the check.

    ValueError for more than the price, or for another currency.
    """
    if refund.currency != made.currency or refund.amount > made.price_amount:
        raise ValueError(f"return {made.id}: {refund} is more than was paid")
    return max(refund.amount, paid_back_at_check(made))


def refund_made(return_id: str) -> None:
    """A refund of the return is with the buyer; LookupError while the return is not known."""
    made = buying_returns.locked_with_order(return_id)
    if made is None:
        raise LookupError(f"return {return_id} is not known yet")
    _complete_if_paid_back(made)


def _settle(made: ReturnBuyingOrder) -> None:
    """What follows once the refund is known."""
    if made.is_whole_order:
        order = buying_orders.find(made.order_id)
        if order is not None:
            buying_orders.forget_first(order)
    _complete_if_paid_back(made)


def _complete_if_paid_back(made: ReturnBuyingOrder) -> None:
    """A return is done with the last of its refunds, and at once when nothing is paid back."""
    if made.refund_amount is None or MACHINE.classify(made.state, "complete") != EventTiming.DUE:
        return
    of_order = select(func.sum(OrderRefund.amount)).where(OrderRefund.order_id == made.order_id)
    if (session().scalar(of_order.where(OrderRefund.return_id == made.id)) or 0) >= made.refund_amount:
        buying_returns.move(made, "complete")
