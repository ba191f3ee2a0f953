"""The donor's share of the price of a donated product (story d-po-10).

A payout is prepared when the product is sold, and due when its buyer can no longer return it. It becomes void when
the order is cancelled or the product is returned.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select

from libs.chassis import clock
from libs.chassis.db import locked_scalar, session
from libs.chassis.ids import new_id
from libs.chassis.money import Money
from libs.chassis.problems import Conflict, NotFound
from libs.chassis.system_settings import setting
from services.billing.ledger import money_ledger
from services.billing.payouts import publishers
from services.billing.payouts.rules import LIFECYCLE, calculate_donor_share
from services.billing.payouts.tables import Payout
from services.billing.purchases.tables import Purchase


class PayoutNotDue(Conflict):
    slug, title = "payout-not-due", "The payout cannot be paid in its present state"


@dataclass(frozen=True)
class Sale:
    """A product sold to a buying order."""

    product_id: str
    buying_order_id: str
    price: Money


def prepare_payout(person_id: str, order_id: str, sale: Sale, purchase: Purchase) -> None:
    """Prepare one payout for a sale; none for a share of 0 or a product that the buyer no longer has."""
    percent: int = setting("billing.donor_share_percent")
    share = calculate_donor_share(sale.price, percent)
    if share.amount == 0 or not purchase.includes(sale.product_id) or _has_payout(sale):
        return
    payout = Payout(
        id=new_id("pyo"),
        person_id=person_id,
        order_id=order_id,
        product_id=sale.product_id,
        buying_order_id=sale.buying_order_id,
        state=LIFECYCLE.initial,
        price=sale.price.amount,
        share_percent=percent,
        amount=share.amount,
        currency=share.currency,
        created_at=clock.now(),
    )
    session().add(payout)
    session().flush()
    make_payouts_due(purchase)


def _has_payout(sale: Sale) -> bool:
    payout_id = select(Payout.id).where(
        Payout.product_id == sale.product_id, Payout.buying_order_id == sale.buying_order_id
    )
    return session().scalar(payout_id) is not None


def make_payouts_due(purchase: Purchase) -> None:
    """Owe donors their shares of the products that the buyer keeps."""
    for payout in _lock_prepared(purchase.order_id, Payout.product_id.in_(purchase.kept_product_ids)):
        payout.change_state("due")
        money_ledger.record_share_due(payout)
        publishers.publish_due(payout)


def void_payouts(buying_order_id: str) -> None:
    """Void the payouts of an order that was cancelled."""
    _void(_lock_prepared(buying_order_id))


def void_payouts_of_products(buying_order_id: str, product_ids: Collection[str]) -> None:
    """Void the payouts of returned products."""
    _void(_lock_prepared(buying_order_id, Payout.product_id.in_(product_ids)))


def _void(payouts: Collection[Payout]) -> None:
    for payout in payouts:
        payout.change_state("void")
        publishers.publish_voided(payout)


def _lock_prepared(buying_order_id: str, *conditions: ColumnElement[bool]) -> Collection[Payout]:
    prepared = select(Payout).where(
        Payout.buying_order_id == buying_order_id, Payout.state == "prepared", *conditions
    )
    return session().scalars(prepared.order_by(Payout.id).with_for_update()).all()


def mark_paid(payout_id: str, reference: str) -> Payout:
    """Record the bank transfer of a payout to its donor; NotFound, PayoutNotDue."""
    payout = locked_scalar(select(Payout).where(Payout.id == payout_id))
    if payout is None:
        raise NotFound("there is no such payout")
    if not LIFECYCLE.allows(payout.state, "paid"):
        raise PayoutNotDue(f"the payout is {payout.state}")
    payout.change_state("paid")
    payout.paid_at, payout.reference = clock.now(), reference
    money_ledger.record_share_paid(payout)
    return payout
