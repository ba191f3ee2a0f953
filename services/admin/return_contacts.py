"""What is agreed with buyers on returned clothes that were checked as bad (story rb-r-po-02)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from libs.chassis import audit, clock
from libs.chassis.db import session
from libs.chassis.money import Money
from libs.chassis.problems import Conflict, NotFound, Unprocessable
from services.admin import known_returns, packages
from services.admin.models import KnownReturn, OrderAtWork, ReturnContact
from services.admin.registry import registry


class NotCheckedBad(Conflict):
    slug, title = "not-checked-bad", "Only clothes that were checked as bad need a decision on the refund"


class RefundDecided(Conflict):
    slug, title = "refund-decided", "The refund of this return is decided already"


class ReturnGivenUp(Conflict):
    slug, title = "return-given-up", "The return was given up, and its whole price is paid back"


class UnknownReturn(Unprocessable):
    slug, title = "unknown-return", "There is no such return"


class RefundTooHigh(Unprocessable):
    slug, title = "refund-too-high", "The refund is more than was paid"


class ContactInFuture(Unprocessable):
    slug, title = "contact-in-future", "The contact has not taken place yet"


@dataclass(frozen=True)
class Agreement:
    """When and how the buyer was spoken to, and what is paid back."""

    contacted_at: datetime
    channel: str
    note: str | None
    refund: Money


def record(return_id: str, agreement: Agreement, by: str) -> ReturnContact:
    """Decide the refund of the bad pieces of a return, once.

    UnknownReturn, ReturnGivenUp, NotCheckedBad, RefundDecided, RefundTooHigh.
    """
    known = session().get(KnownReturn, return_id, with_for_update=True)
    if known is None:
        raise UnknownReturn("read the return's id from its order", errors=[_error("/return_id", "no such return")])
    if known.is_given_up:
        raise ReturnGivenUp("there is nothing to decide; what is found bad is recycled by its check")
    package = packages.find_of(return_id)
    if package is None or package.result != "bad":
        raise NotCheckedBad(f"it was checked as {(package and package.result) or 'nothing yet'}")
    if find(return_id) is not None:
        raise RefundDecided("read what was recorded for it")
    good = known_returns.price_of(known, _good_products(return_id))
    refuse_wrong_agreement(agreement, Money(known.price_amount - good.amount, known.currency))
    contact = ReturnContact(
        return_id=return_id,
        contacted_at=agreement.contacted_at,
        channel=agreement.channel,
        note=agreement.note,
        refund_amount=agreement.refund.amount,
        currency=agreement.refund.currency,
        decided_by=by,
        recorded_at=clock.now(),
    )
    session().add(contact)
    session().flush()
    announce(contact, known)
    after = {"channel": contact.channel, "refund": contact.refund.to_dict()}
    audit.record("record_return_contact", contact.return_id, after=after)
    return contact


def find(return_id: str) -> ReturnContact | None:
    return session().get(ReturnContact, return_id)


def _good_products(return_id: str) -> list[str]:
    """The pieces of a checked return that were good beside bad ones."""
    checked = select(OrderAtWork).where(
        OrderAtWork.kind == "checking", OrderAtWork.order_id == return_id, OrderAtWork.dropped_at.is_(None)
    )
    orders = session().scalars(checked).all()
    return [piece["product_id"] for order in orders for piece in order.contents if piece.get("result") == "good"]


def get(return_id: str) -> ReturnContact:
    found = find(return_id)
    if found is None:
        raise NotFound("nothing was recorded for such a return")
    return found


def refuse_wrong_agreement(agreement: Agreement, price: Money) -> None:
    """ContactInFuture, RefundTooHigh; `price` is what was paid for the bad pieces."""
    if agreement.contacted_at > clock.now():
        detail = "record a contact that has taken place"
        raise ContactInFuture(detail, errors=[_error("/contacted_at", detail)])
    if agreement.refund.currency != price.currency:
        detail = f"it was paid in {price.currency}"
        raise RefundTooHigh(detail, errors=[_error("/refund/currency", detail)])
    if agreement.refund.amount > price.amount:
        detail = f"{price} was paid for what is bad"
        raise RefundTooHigh(detail, errors=[_error("/refund/amount", detail)])


def _error(pointer: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "detail": detail}


def announce(contact: ReturnContact, known: KnownReturn) -> None:
    """Publish what is paid back in all: what was agreed, and the price of the good pieces."""
    good = known_returns.price_of(known, _good_products(contact.return_id))
    data = {
        "return_id": contact.return_id,
        "order_id": known.order_id,
        "contacted_at": clock.rfc3339(contact.contacted_at),
        "channel": contact.channel,
        "refund": (contact.refund + good).to_dict(),
        "decided_by": contact.decided_by,
        "at": clock.rfc3339(contact.recorded_at),
    }
    registry.publish("admin.return_contact.recorded.v1", subject=contact.return_id, data=data)
