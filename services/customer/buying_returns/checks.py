"""The check of a return and its refund (stories rb-r-po-01 to rb-r-po-03).

Good items are refunded at the check. For the rest staff agree with the buyer, once. The clothes of a
force-cancelled return may be found later: everything is refunded by then, and their check only decides where they
go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from libs.chassis.db import session
from libs.chassis.money import Money
from libs.chassis.state_machine import EventTiming
from services.customer import first_orders
from services.customer.buying_orders.tables import OrderRefund
from services.customer.buying_returns.lifecycle import apply_transition
from services.customer.buying_returns.publishers import publish_new_version
from services.customer.buying_returns.queries import buying_returns
from services.customer.buying_returns.rules import LIFECYCLE, agreed_refund
from services.customer.buying_returns.tables import BuyingReturn
from services.customer.lifecycle_events import accept_event


@dataclass(frozen=True)
class ProductCheck:
    """The result of the check of one product: `good`, or `bad` and why."""

    result: str
    reason: str | None = None


def record_check(return_id: str, result: str, products: Mapping[str, ProductCheck]) -> None:
    """Record the check of a return. LookupError when it is early.

    `products`: the result of each product; one that is missing there has the `result` of the whole return.
    """
    buying_return, transition = buying_returns.find(return_id, locked=True), f"check_{result}"
    due = accept_event(LIFECYCLE, transition, return_id, buying_return)
    if due is not None:
        _record_results(due, result, products)
        apply_transition(due, transition)
        if result == "good":
            _end_with_refund(due)
    elif buying_return is not None and buying_return.is_force_cancelled and not _is_checked(buying_return):
        _record_results(buying_return, result, products)
        publish_new_version(buying_return)


def _record_results(buying_return: BuyingReturn, result: str, products: Mapping[str, ProductCheck]) -> None:
    for item in buying_return.items:
        check = products.get(item.product_id, ProductCheck(result))
        item.check_result, item.check_reason = check.result, check.reason


def _is_checked(buying_return: BuyingReturn) -> bool:
    return any(item.check_result for item in buying_return.items)


def force_cancel(buying_return: BuyingReturn) -> None:
    """End a return whose clothes were handed in and cannot be checked, and refund its whole price.

    Idempotent. IllegalTransition.
    """
    if buying_return.is_force_cancelled:
        return
    LIFECYCLE.apply(buying_return.state, "force_cancel")
    buying_return.is_force_cancelled, buying_return.refund_amount = True, buying_return.price_amount
    apply_transition(buying_return, "force_cancel")
    _end_with_refund(buying_return)


def decide_refund(return_id: str, refund: Money) -> None:
    """Set the refund that staff agreed on with the buyer (story rb-r-po-02). LookupError when it is early.

    Changes nothing for a force-cancelled return: its whole price is refunded already.
    """
    due = accept_event(LIFECYCLE, "decide_refund", return_id, buying_returns.find(return_id, locked=True))
    if due is not None:
        due.refund_amount = agreed_refund(due, refund)
        apply_transition(due, "decide_refund")
        _end_with_refund(due)


def complete_refunded_return(return_id: str) -> None:
    """Complete a return once all of its refund is with the buyer. LookupError while the return is not known."""
    buying_return = buying_returns.find(return_id, locked=True)
    if buying_return is None:
        raise LookupError(f"return of a purchase {return_id} is not known yet")
    _complete_if_refunded(buying_return)


def _end_with_refund(buying_return: BuyingReturn) -> None:
    """Do what follows from a decided refund."""
    if buying_return.is_whole_order:  # the next purchase is the buyer's first one
        first_orders.release(first_orders.PURCHASE, buying_return.buyer_id, buying_return.order_id)
    _complete_if_refunded(buying_return)


def _complete_if_refunded(buying_return: BuyingReturn) -> None:
    """Complete the return with the last of its refunds, and immediately when nothing is refunded."""
    is_due = LIFECYCLE.classify(buying_return.state, "complete") is EventTiming.DUE
    if buying_return.refund_amount is None or not is_due:
        return
    refunded = select(func.sum(OrderRefund.amount)).where(
        OrderRefund.order_id == buying_return.order_id, OrderRefund.return_id == buying_return.id
    )
    if (session().scalar(refunded) or 0) >= buying_return.refund_amount:
        apply_transition(buying_return, "complete")
