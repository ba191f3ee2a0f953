"""Events of the payment provider."""

from __future__ import annotations

from typing import Any

import flask
import stripe

from libs.chassis import logs
from libs.chassis.problems import BadRequest
from services.billing import provider_news, provider_notices


class NotSigned(BadRequest):
    slug, title = "webhook-not-signed", "The signature does not fit the body and the time"


def receive_stripe_webhook(body: dict[str, Any]) -> dict[str, bool]:
    signature = flask.request.headers.get("Stripe-Signature", "")
    try:
        notice = provider_notices.read_notice(flask.request.get_data(), signature)
    except (stripe.SignatureVerificationError, ValueError):
        logs.get_logger(__name__).warning("webhook not signed")
        raise NotSigned from None
    if notice is not None:
        provider_news.take_notice(notice)
    return {"received": True}
