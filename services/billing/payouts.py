"""Payouts: the donor's share of what a donated piece was sold for (story d-po-10).

A share is prepared when the piece is sold and due when its buyer can no longer return it. It is void when the order
is cancelled or the piece comes back.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, select

from libs.chassis import clock
from libs.chassis.db import locked_scalar, session
from libs.chassis.ids import new_id
from libs.chassis.money import Money
from libs.chassis.problems import Conflict, NotFound
from libs.chassis.system_settings import setting
from services.billing import money_ledger
from services.billing.models import Payout, Purchase
from services.billing.registry import registry

MOVES: dict[str, frozenset[str]] = {
    "prepared": frozenset({"due", "void"}),
    "due": frozenset({"paid"}),
    "paid": frozenset(),
    "void": frozenset(),
}


class PayoutNotDue(Conflict):
    slug, title = "payout-not-due", "The payout cannot be paid in its present state"


@dataclass(frozen=True)
class Sale:
    """A product sold to a buying order."""

    product_id: str
    buying_order_id: str
    price: Money


def move(payout: Payout, state: str) -> None:
    """Bring a payout into another state; PayoutNotDue when the table above does not have that."""
    if state not in MOVES[payout.state]:
        raise PayoutNotDue(f"a payout that is {payout.state} cannot become {state}")
    payout.state = state


def share_of(price: Money, percent: int) -> Money:
    """The donor's share, rounded to the nearest minor unit, half of one up."""
    return Money((price.amount * percent + 50) // 100, price.currency)


def prepare(person_id: str, order_id: str, sale: Sale, purchase: Purchase) -> None:
    """A payout, once a sale; none when the share is nothing, or the piece is back already."""
    percent: int = setting("billing.donor_share_percent")
    share = share_of(sale.price, percent)
    if share.amount == 0 or is_back(purchase, sale.product_id) or _is_made(sale):
        return
    payout = Payout(
        id=new_id("pyo"),
        person_id=person_id,
        order_id=order_id,
        product_id=sale.product_id,
        buying_order_id=sale.buying_order_id,
        state="prepared",
        price=sale.price.amount,
        share_percent=percent,
        amount=share.amount,
        currency=share.currency,
        created_at=clock.now(),
    )
    session().add(payout)
    session().flush()
    make_due(purchase)


def is_back(purchase: Purchase, product_id: str) -> bool:
    """Whether a piece is no longer the buyer's: its order ended, or it was returned."""
    return purchase.ended_at is not None or product_id in purchase.returned_product_ids


def _is_made(sale: Sale) -> bool:
    known = select(Payout.id).where(
        Payout.product_id == sale.product_id, Payout.buying_order_id == sale.buying_order_id
    )
    return session().scalar(known) is not None


def make_due(purchase: Purchase) -> None:
    """The shares of what the buyer keeps for good are owed from now on."""
    for payout in session().scalars(_prepared(purchase.order_id)):
        if payout.product_id in purchase.kept_product_ids:
            move(payout, "due")
            money_ledger.share_due(payout)
            session().flush()
            _publish("billing.payout.due.v1", payout)


def void_of(buying_order_id: str, product_ids: list[str] | None = None) -> None:
    """There is no sale any more of these products, or of all that the order had."""
    for payout in session().scalars(_prepared(buying_order_id)):
        if product_ids is None or payout.product_id in product_ids:
            move(payout, "void")
            session().flush()
            _publish("billing.payout.voided.v1", payout)


def _prepared(buying_order_id: str) -> Select[Payout]:
    of_order = (Payout.buying_order_id == buying_order_id, Payout.state == "prepared")
    return select(Payout).where(*of_order).order_by(Payout.id).with_for_update()


def mark_paid(payout_id: str, reference: str) -> Payout:
    """The money was sent to the donor's bank; NotFound, PayoutNotDue."""
    payout = locked_scalar(select(Payout).where(Payout.id == payout_id))
    if payout is None:
        raise NotFound("there is no such payout")
    move(payout, "paid")
    payout.paid_at, payout.reference = clock.now(), reference
    money_ledger.share_paid(payout)
    return payout


def _publish(event_type: str, payout: Payout) -> None:
    data = {
        "payout_id": payout.id,
        "person_id": payout.person_id,
        "order_id": payout.order_id,
        "product_id": payout.product_id,
        "amount": payout.money.to_dict(),
    }
    registry.publish(event_type, subject=payout.id, data=data, version=payout.version)
