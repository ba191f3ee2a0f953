"""What is agreed with buyers on returned clothes that were checked as bad (story rb-r-po-02)."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import audit
from libs.chassis.db import session
from libs.chassis.money import Money
from libs.chassis.problems import Conflict, Unprocessable
from libs.chassis.queries import get_row
from services.admin.packages import packages
from services.admin.returns import returns
from services.admin.returns.events import publish_return_contact
from services.admin.returns.rules import validate_contact
from services.admin.returns.tables import BuyingReturn, ReturnContact
from services.admin.work.tables import IncludedOrder


class NotCheckedBad(Conflict):
    slug, title = "not-checked-bad", "Only clothes that were checked as bad need a decision on the refund"


class RefundDecided(Conflict):
    slug, title = "refund-decided", "The refund of this return is decided already"


class ReturnForceCancelled(Conflict):
    slug, title = "return-force-cancelled", "The return was force-cancelled, and its whole price is refunded"


class UnknownReturn(Unprocessable):
    slug, title = "unknown-return", "There is no such return"


def record(contact: ReturnContact) -> None:
    """Record a contact, which decides the refund of the bad products of a return once.

    Raises: UnknownReturn, ReturnForceCancelled, NotCheckedBad, RefundDecided, ContactInFuture, RefundTooHigh.
    """
    buying_return = session().get(BuyingReturn, contact.return_id, with_for_update=True)
    if buying_return is None:
        error = {"pointer": "/return_id", "detail": "no such return"}
        raise UnknownReturn("read the return's id from its order", errors=[error])
    _require_open_decision(buying_return)
    good = returns.price_of(buying_return, _good_products(contact.return_id))
    validate_contact(contact, Money(buying_return.price_amount - good.amount, buying_return.currency))
    session().add(contact)
    session().flush()
    publish_return_contact(contact, buying_return, contact.refund + good)
    after = {"channel": contact.channel, "refund": contact.refund.to_dict()}
    audit.record("record_return_contact", contact.return_id, after=after)


def _require_open_decision(buying_return: BuyingReturn) -> None:
    if buying_return.is_force_cancelled:
        raise ReturnForceCancelled("there is nothing to decide; bad clothes are recycled after their check")
    package = packages.find_by_order(buying_return.id)
    if package is None or package.result != "bad":
        raise NotCheckedBad(f"it was checked as {(package and package.result) or 'nothing yet'}")
    if find(buying_return.id) is not None:
        raise RefundDecided("read what was recorded for it")


def find(return_id: str) -> ReturnContact | None:
    return session().get(ReturnContact, return_id)


def get(return_id: str) -> ReturnContact:
    return get_row(ReturnContact, return_id, "nothing was recorded for such a return")


def _good_products(return_id: str) -> list[str]:
    """The products of a checked return that were good."""
    checked = select(IncludedOrder).where(
        IncludedOrder.kind == "checking", IncludedOrder.order_id == return_id, IncludedOrder.removed_at.is_(None)
    )
    orders = session().scalars(checked).all()
    return [
        product["product_id"] for order in orders for product in order.contents if product.get("result") == "good"
    ]


def whole_refund(contact: ReturnContact, buying_return: BuyingReturn) -> Money:
    """What was agreed on the bad products, and the price of the good ones."""
    return contact.refund + returns.price_of(buying_return, _good_products(contact.return_id))
