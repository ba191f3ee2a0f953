"""Signed events of the payment provider (https://docs.stripe.com/webhooks/signature)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import stripe

from services.billing.settings import billing_settings

SUBJECTS = ("payment_intent", "refund", "dispute")


@dataclass(frozen=True)
class Dispute:
    """A buyer asked the bank for the money of a payment (https://docs.stripe.com/disputes/how-disputes-work)."""

    id: str
    status: str
    reason: str


@dataclass(frozen=True)
class Notice:
    """A signed event of the provider about an intent, a refund or a dispute, by the provider's own ids."""

    event_id: str
    type: str
    intent_id: str
    amount: int
    currency: str
    is_refund: bool = False
    refund_id: str | None = None
    dispute: Dispute | None = None


def read_notice(body: bytes, signature: str) -> Notice | None:
    """A webhook's event when its signature and time are right; stripe.SignatureVerificationError, ValueError.

    None for events that are about neither an intent nor a refund nor a dispute.
    """
    event = stripe.Webhook.construct_event(body, signature, billing_settings().stripe_webhook_secret)
    document = event.to_dict()
    try:
        subject = document["data"]["object"]
        return _notice(document, subject, subject["object"]) if subject.get("object") in SUBJECTS else None
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the event is not as the provider documents it: {error!r}") from None


def _notice(document: dict[str, Any], subject: dict[str, Any], kind: str) -> Notice:
    metadata = subject.get("metadata") or {}
    is_dispute = kind == "dispute"
    return Notice(
        event_id=document["id"],
        type=document["type"],
        intent_id=subject["id"] if kind == "payment_intent" else (subject.get("payment_intent") or ""),
        amount=subject["amount"],
        currency=subject["currency"].upper(),
        is_refund=kind == "refund",
        refund_id=metadata.get("refund_id"),
        dispute=Dispute(subject["id"], subject["status"], subject.get("reason") or "unknown")
        if is_dispute
        else None,
    )
