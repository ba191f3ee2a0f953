"""Verifying and parsing webhook events of the payment provider (https://docs.stripe.com/webhooks/signature)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import stripe

from libs.chassis.money import Money
from services.billing.settings import billing_settings

MAX_AMOUNT = 2**63 - 1  # of an amount column
_ID = {"type": "string", "minLength": 1, "maxLength": 100}
_OPTIONAL_ID = {"type": ["string", "null"], "maxLength": 100}
_MONEY = {
    "id": _ID,
    "amount": {"type": "integer", "minimum": 0, "maximum": MAX_AMOUNT},
    "currency": {"type": "string", "pattern": "^[A-Za-z]{3}$"},
}


@dataclass(frozen=True)
class Dispute:
    """A buyer claims the money of a payment back at the bank (https://docs.stripe.com/disputes/how-disputes-work)."""

    id: str
    status: str
    reason: str


@dataclass(frozen=True)
class WebhookEvent:
    """A signed event of the provider about an intent, a refund or a dispute; `refund_id` is our id."""

    id: str
    type: str
    intent_id: str
    amount: int
    currency: str
    is_refund: bool = False
    refund_id: str | None = None
    dispute: Dispute | None = None

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class InvalidEvent(ValueError):
    """The body is not an event as the provider documents it."""


def verify_signature(body: bytes, signature: str) -> None:
    """Check signature and time of a webhook request; stripe.SignatureVerificationError."""
    text = body.decode("utf-8", errors="replace")
    if not signature.isascii():  # the library can compare ASCII only
        raise stripe.SignatureVerificationError("Not ASCII", signature, text)  # type: ignore[no-untyped-call]
    secret, tolerance = billing_settings().stripe_webhook_secret, stripe.Webhook.DEFAULT_TOLERANCE
    stripe.WebhookSignature.verify_header(text, signature, secret, tolerance)


def parse_event(document: Any) -> WebhookEvent | None:
    """The event of a JSON document; InvalidEvent names the place that is not as documented.

    None for events that are about neither an intent nor a refund nor a dispute.
    """
    _validate(_ANY_EVENT, document)
    subject: dict[str, Any] = document["data"]["object"]
    kind: str = subject["object"]
    if kind not in _EVENTS:
        return None
    _validate(_EVENTS[kind], document)
    metadata = subject.get("metadata") or {}
    return WebhookEvent(
        id=document["id"],
        type=document["type"],
        intent_id=subject["id"] if kind == "payment_intent" else (subject.get("payment_intent") or ""),
        amount=int(subject["amount"]),
        currency=subject["currency"].upper(),
        is_refund=kind == "refund",
        refund_id=metadata.get("refund_id") if kind == "refund" else None,
        dispute=_to_dispute(subject) if kind == "dispute" else None,
    )


def _to_dispute(subject: dict[str, Any]) -> Dispute:
    return Dispute(subject["id"], subject["status"], subject.get("reason") or "unknown")


def _validator(properties: dict[str, Any], *required: str) -> jsonschema_rs.Draft202012Validator:
    """The validator of an event whose object has these properties (https://docs.stripe.com/api/events/object)."""
    subject = {"type": "object", "properties": properties, "required": required}
    data = {"type": "object", "properties": {"object": subject}, "required": ["object"]}
    event = {"id": _ID, "type": _ID, "data": data}
    return jsonschema_rs.Draft202012Validator({"type": "object", "properties": event, "required": [*event]})


_METADATA = {"type": ["object", "null"], "properties": {"refund_id": _OPTIONAL_ID}}
_ANY_EVENT = _validator({"object": {"type": "string"}}, "object")
_EVENTS = {
    "payment_intent": _validator(_MONEY, *_MONEY),
    "refund": _validator(_MONEY | {"payment_intent": _OPTIONAL_ID, "metadata": _METADATA}, *_MONEY),
    "dispute": _validator(
        _MONEY | {"payment_intent": _OPTIONAL_ID, "status": _ID, "reason": _OPTIONAL_ID}, *_MONEY, "status"
    ),
}


def _validate(validator: jsonschema_rs.Draft202012Validator, document: Any) -> None:
    error = next(iter(validator.iter_errors(document)), None)
    if error is not None:
        pointer = "".join(f"/{part}" for part in error.instance_path)
        raise InvalidEvent(f"{pointer or '/'}: {error.message[:200]}")
