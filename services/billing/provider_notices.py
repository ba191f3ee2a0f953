"""Signed events of the payment provider (https://docs.stripe.com/webhooks/signature)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import stripe

from services.billing.settings import billing_settings


@dataclass(frozen=True)
class Notice:
    """A signed event of the provider about an intent or a refund, by the provider's own ids."""

    event_id: str
    type: str
    intent_id: str
    amount: int
    currency: str
    is_refund: bool = False
    refund_id: str | None = None


def read_notice(body: bytes, signature: str) -> Notice | None:
    """A webhook's event when its signature and time are right; stripe.SignatureVerificationError, ValueError.

    None for events that are about neither an intent nor a refund.
    """
    event = stripe.Webhook.construct_event(body, signature, billing_settings().stripe_webhook_secret)
    document = event.to_dict()
    try:
        subject = document["data"]["object"]
        if subject.get("object") not in ("payment_intent", "refund"):
            return None
        return _notice(document, subject, is_refund=subject["object"] == "refund")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the event is not as the provider documents it: {error!r}") from None


def _notice(document: dict[str, Any], subject: dict[str, Any], *, is_refund: bool) -> Notice:
    metadata = subject.get("metadata") or {}
    return Notice(
        event_id=document["id"],
        type=document["type"],
        intent_id=(subject.get("payment_intent") or "") if is_refund else subject["id"],
        amount=subject["amount"],
        currency=subject["currency"].upper(),
        is_refund=is_refund,
        refund_id=metadata.get("refund_id"),
    )
