"""Buying orders as billing sees them: refunds, what a purchase earns its buyer, and when donors get their share.

Events may come twice and in any order. The row of the order is locked first, so that all that happens to one order
is in a row. A purchase that is returned gives back what it earned in proportion to the price of what came back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from libs.chassis import clock
from libs.chassis.money import Money
from libs.chassis.system_settings import setting
from services.billing import coins, findings, payment_states, payments, payouts, purchases, refunds
from services.billing.models import Payment, Purchase
from services.billing.payouts import Sale

GOODS_ARE_BACK = frozenset({"checked_good", "refund_decided"})


@dataclass(frozen=True)
class PurchaseMove:
    """A buying order came into a state; `product_ids` of a completed one are those that its buyer keeps."""

    order_id: str
    buyer_id: str
    state: str
    product_ids: list[str]
    is_first: bool


@dataclass(frozen=True)
class ReturnMove:
    """The return of products of a buying order came into a state; `refund`, in all, is None until it is known.

    `good` are the pieces that were good while others were bad, with their prices: they wait for no decision.
    """

    return_id: str
    order_id: str
    state: str
    product_ids: list[str]
    refund: Money | None
    good: Mapping[str, int]


def order_moved(move: PurchaseMove) -> None:
    """Let money, rewards and shares follow an order."""
    if move.state == "cancelled":
        order_ended(move.order_id)
    elif move.state in ("picked_up", "completed"):
        purchase = purchases.locked(move.order_id)
        _reward(purchase, move)
        _take_back_for_returned(purchase, move.buyer_id)
        if move.state == "completed":
            _complete(purchase, move.product_ids)


def order_ended(order_id: str) -> None:
    """The order was cancelled, or expired: whatever was paid for it goes back, once (story rb-c-02)."""
    purchase = purchases.locked(order_id)
    purchase.ended_at = purchase.ended_at or clock.now()
    payments.give_back_for(order_id)
    payment = payment_states.live_payment_of(order_id)
    if payment is not None and payment.state == "captured":
        payments.refund_cancelled(payment)
    payouts.void_of(order_id)


def taken_after_end(order_id: str) -> None:
    """The buyer took the clothes of a cancelled order out of their box: a person has to speak with the buyer."""
    payment = payment_states.taken_payment_of(order_id)
    detail = "the clothes were taken out of their box after the order had ended"
    findings.report("taken_after_end", order_id, detail, payment_id=payment.id if payment else None)


def _reward(purchase: Purchase, move: PurchaseMove) -> None:
    """Coins for the pick-up, and for the first purchase (story b-po-04), by the settings of the pick-up.

    A completed order was picked up; when that was not heard yet, the rewards are decided now.
    """
    if purchase.rewarded_at is not None:
        return
    purchase.rewarded_at = clock.now()
    for reason in rewards_of_pick_up(is_first=move.is_first):
        coins.reward(move.buyer_id, move.order_id, reason, setting(f"billing.reward_{reason}_coins"))


def rewards_of_pick_up(*, is_first: bool) -> list[str]:
    """The reasons for rewards of a purchase (stories b-po-03, b-po-04)."""
    return ["pick_up", "first_purchase"] if is_first else ["pick_up"]


def _complete(purchase: Purchase, kept: list[str]) -> None:
    """Nothing more can be returned: the donors of what the buyer keeps get their share (story d-po-10)."""
    purchase.completed_at = purchase.completed_at or clock.now()
    purchase.kept_product_ids = sorted({*purchase.kept_product_ids, *kept})
    payouts.make_due(purchase)


def return_moved(move: ReturnMove) -> None:
    """Let money, rewards and shares follow a return."""
    purchase = purchases.locked(move.order_id)
    at_check = sum(move.good.values())
    if move.good:  # also when the refund of the rest is decided: the news of the check may come later, or never
        _take_goods_back(purchase, move, list(move.good), at_check, key=f"return:{move.return_id}:good")
    if move.state in GOODS_ARE_BACK:
        refund = (move.refund.amount if move.refund is not None else 0) - at_check
        _take_goods_back(purchase, move, move.product_ids, refund, key=f"return:{move.return_id}")


def _take_goods_back(
    purchase: Purchase, move: ReturnMove, product_ids: list[str], refund: int, *, key: str
) -> None:
    payment = payment_states.taken_payment_of(move.order_id)
    if payment is None:
        raise LookupError(f"no payment for the returned order {move.order_id} yet")
    payment_states.lock(payment)
    purchase.returned_product_ids = sorted({*purchase.returned_product_ids, *product_ids})
    payouts.void_of(move.order_id, product_ids)
    _take_back_for_returned(purchase, payment.buyer_id)
    if refund > 0:
        refunds.start(payment, refund, key=key, reason="returned", return_id=move.return_id)


def _take_back_for_returned(purchase: Purchase, buyer_id: str) -> None:
    """Take back the part of the rewards that belongs to what came back (story rb-r-po-03)."""
    payment = payment_states.taken_payment_of(purchase.order_id)
    if payment is None or not purchase.returned_product_ids:
        return
    earned = coins.earned_by(purchase.order_id)
    due = share_of_returned(earned, payment, purchase.returned_product_ids)
    missing = due - coins.taken_back_of(purchase.order_id)
    if missing > 0:
        key = f"taken_back:{purchase.order_id}:{due}"
        coins.take_back(buyer_id, missing, order_id=purchase.order_id, key=key)


def share_of_returned(earned: int, payment: Payment, returned: list[str]) -> int:
    """What of the coins that an order earned goes with the returned products: by price, rounded down, and all when
    nothing stays with the buyer. Several returns of an order count together, whichever came first."""
    prices = {line["product_id"]: int(line["price"]["amount"]) for line in payment.lines}
    if prices.keys() <= set(returned):
        return earned
    return earned * sum(prices.get(product_id, 0) for product_id in returned) // max(sum(prices.values()), 1)


def product_sold(person_id: str, order_id: str, sale: Sale) -> None:
    """A donated product is sold: its donor's share is due when the buyer keeps it."""
    payouts.prepare(person_id, order_id, sale, purchases.locked(sale.buying_order_id))
