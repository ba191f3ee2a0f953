"""Returns of purchases: refunds, and taking back the rewards in proportion to what was returned."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from libs.chassis.money import Money
from services.billing.coins import coin_ledger
from services.billing.payments.purpose import lock_payment
from services.billing.payments.store import find_sale_payment
from services.billing.payouts import donor_shares
from services.billing.purchases.rules import calculate_rewards_to_take_back
from services.billing.purchases.store import lock_purchase
from services.billing.purchases.tables import Purchase
from services.billing.refunds import processing

REFUND_KNOWN = frozenset({"checked_good", "refund_decided"})


@dataclass(frozen=True)
class PurchaseReturn:
    """The return of products of a buying order, in a certain state.

    `refund` is the total, None until it is known. `good_products` are the good ones beside bad ones, with their
    prices; they are refunded when they are checked, before staff have decided on the bad ones.
    """

    return_id: str
    order_id: str
    state: str
    product_ids: list[str]
    refund: Money | None
    good_products: Mapping[str, int]


def refund_return(purchase_return: PurchaseReturn) -> None:
    """Refund what is known of a return, each part once."""
    purchase = lock_purchase(purchase_return.order_id)
    good, key = purchase_return.good_products, f"return:{purchase_return.return_id}"
    refunded_at_check = sum(good.values())
    if good:  # also when the decision is known: the event of the check may arrive later, or never
        _take_products_back(purchase, purchase_return.return_id, good, refunded_at_check, key=f"{key}:good")
    if purchase_return.state in REFUND_KNOWN:
        total = 0 if purchase_return.refund is None else purchase_return.refund.amount
        product_ids, rest = purchase_return.product_ids, total - refunded_at_check
        _take_products_back(purchase, purchase_return.return_id, product_ids, rest, key=key)


def _take_products_back(
    purchase: Purchase, return_id: str, product_ids: Collection[str], refund: int, *, key: str
) -> None:
    payment = find_sale_payment(purchase.order_id)
    if payment is None:
        raise LookupError(f"no payment for the returned order {purchase.order_id} yet")
    purpose = lock_payment(payment)
    purchase.returned_product_ids = sorted({*purchase.returned_product_ids, *product_ids})
    donor_shares.void_payouts_of_products(purchase.order_id, product_ids)
    take_rewards_back(purchase, payment.buyer_id)
    if refund > 0:
        processing.start_refund(payment, purpose, refund, key=key, reason="returned", return_id=return_id)


def take_rewards_back(purchase: Purchase, buyer_id: str) -> None:
    """Take back the part of the rewards that belongs to the returned products (story rb-r-po-03)."""
    payment = find_sale_payment(purchase.order_id)
    if payment is None or not purchase.returned_product_ids:
        return
    prices = {line["product_id"]: int(line["price"]["amount"]) for line in payment.lines}
    earned = coin_ledger.sum_earned(purchase.order_id)
    total = calculate_rewards_to_take_back(earned, prices, purchase.returned_product_ids)
    missing = total - coin_ledger.sum_taken_back(purchase.order_id)
    if missing > 0:
        key = f"taken_back:{purchase.order_id}:{total}"
        coin_ledger.take_back(buyer_id, missing, order_id=purchase.order_id, key=key)
