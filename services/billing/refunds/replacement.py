"""Replacing a failed refund: by another attempt with the card, or by a bank transfer that staff made."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis.db import session
from libs.chassis.problems import Conflict, NotFound
from services.billing.reconciliation import payment_discrepancies
from services.billing.refunds.processing import lock_refund, mark_completed, start_refund
from services.billing.refunds.tables import Refund

TRANSFER = "transfer"
DISPUTES = ("dispute", "dispute_lost")


class NotReplaceable(Conflict):
    slug, title = "refund-not-replaceable", "The refund cannot be replaced"


class PaymentDisputed(Conflict):
    slug, title = "payment-disputed", "The bank may give the same money back"


def replace_failed(refund_id: str, reference: str | None, *, despite_dispute: bool = False) -> Refund:
    """Refund with the card again, or record the bank transfer of `reference`.

    NotFound; NotReplaceable for a refund that has not failed or has been replaced; PaymentDisputed for a transfer
    while the bank may give the same money back, unless staff have made sure that it does not.
    """
    if session().get(Refund, refund_id) is None:
        raise NotFound("there is no such refund")
    failed, payment, purpose = lock_refund(refund_id)
    _require_replaceable(failed)
    if reference is not None and not despite_dispute and _is_disputed(failed):
        raise PaymentDisputed(
            "wait for the end of the dispute; despite_dispute states that the bank gives nothing back"
        )
    key = f"replacement:{failed.id}"
    refund = start_refund(
        payment, purpose, failed.amount, key=key, reason=failed.reason, return_id=failed.return_id
    )
    if refund is None:
        raise NotReplaceable(f"nothing is left of {payment.money} that could be refunded")
    refund.replaces = failed.id
    if reference is not None:
        refund.method, refund.reference = TRANSFER, reference
        mark_completed(refund, payment, purpose)
    session().flush()
    payment_discrepancies.resolve("refund_failed", failed.id)
    return refund


def _require_replaceable(failed: Refund) -> None:
    if failed.state != "failed":
        raise NotReplaceable(f"it is {failed.state}; only a failed refund can be replaced")
    replacement_id = session().scalar(select(Refund.id).where(Refund.replaces == failed.id))
    if replacement_id is not None:
        raise NotReplaceable(f"{replacement_id} has replaced it already")


def _is_disputed(failed: Refund) -> bool:
    has_dispute = payment_discrepancies.has_unresolved(DISPUTES, failed.payment_id)
    return has_dispute or failed.failure_code == "charge_disputed"
