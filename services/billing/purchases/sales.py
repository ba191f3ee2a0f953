"""From the sale of an order's products to its completion: payment, rewards of the buyer, shares of the donors.

Events may be duplicated and arrive in any order. The row of the purchase is locked first, which serializes
everything that concerns one order.
"""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.system_settings import setting
from services.billing.coins import coin_ledger
from services.billing.payments import lifecycle
from services.billing.payments.purpose import OrderPurpose, lock_payment, report_unpaid_sale
from services.billing.payments.store import find_live_payment, find_sale_payment
from services.billing.payments.tables import Payment
from services.billing.payouts import donor_shares
from services.billing.purchases.rules import list_pick_up_rewards
from services.billing.purchases.store import lock_purchase
from services.billing.purchases.tables import Purchase
from services.billing.reconciliation import payment_discrepancies


def capture_payment(order_id: str) -> None:
    """The products are sold: capture the payment of the order; LookupError when the order has never had one."""
    purchase = lock_purchase(order_id)
    payment = find_live_payment(order_id)
    if payment is None:
        _handle_sale_without_payment(purchase)
        return
    lock_payment(payment)
    if payment.state == "authorized":
        payment.change_state("capturing")
        if payment.method == "coins":
            lifecycle.mark_captured(payment, OrderPurpose(purchase))


def _handle_sale_without_payment(purchase: Purchase) -> None:
    """The provider cancelled the authorization before the sale was known, or this is a duplicate of an old sale."""
    if purchase.ended_at is not None or find_sale_payment(purchase.order_id) is not None:
        return
    voided = select(Payment).where(Payment.order_id == purchase.order_id, Payment.state == "voided")
    payment = session().scalar(voided.order_by(Payment.created_at.desc()).limit(1))
    if payment is None:
        raise LookupError(f"no payment for the sold order {purchase.order_id}")
    report_unpaid_sale(payment)


def end_purchase(order_id: str) -> None:
    """The order was cancelled or has expired: release or refund its payment, once (story rb-c-02)."""
    purchase = lock_purchase(order_id)
    purchase.ended_at = purchase.ended_at or clock.now()
    lifecycle.cancel_live_payment(order_id)
    donor_shares.void_payouts(order_id)


def report_pick_up_after_end(order_id: str) -> None:
    """The buyer took the clothes of an order that had ended out of their box: staff have to contact the buyer."""
    payment = find_sale_payment(order_id)
    detail = "the clothes were taken out of their box after the order had ended"
    payment_discrepancies.report(
        "picked_up_after_end", order_id, detail, payment_id=payment.id if payment else None
    )


def reward_pick_up(purchase: Purchase, buyer_id: str, *, is_first: bool) -> None:
    """Reward a pick-up and a first purchase, once, by the settings at that time.

    The event of the completion implies the pick-up, whose event may arrive later.
    """
    if purchase.rewarded_at is not None:
        return
    purchase.rewarded_at = clock.now()
    for reason in list_pick_up_rewards(is_first=is_first):
        coin_ledger.reward(buyer_id, purchase.order_id, reason, setting(f"billing.reward_{reason}_coins"))


def complete_purchase(purchase: Purchase, kept_product_ids: list[str]) -> None:
    """Nothing more can be returned: owe the donors of the kept products their shares (story d-po-10)."""
    purchase.completed_at = purchase.completed_at or clock.now()
    purchase.kept_product_ids = sorted({*purchase.kept_product_ids, *kept_product_ids})
    donor_shares.make_payouts_due(purchase)
