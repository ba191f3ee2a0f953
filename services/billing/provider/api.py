"""How front ends reach the payment provider, and the webhook for its events."""

from __future__ import annotations

from typing import Any

import flask
import stripe

from libs.chassis import logs
from libs.chassis.problems import BadRequest
from libs.chassis.system_settings import CURRENCY, setting
from services.billing.provider import webhook_handler, webhook_parser
from services.billing.settings import billing_settings


class WebhookNotSigned(BadRequest):
    slug, title = "webhook-not-signed", "The signature does not match the body and the time"


class InvalidWebhookEvent(BadRequest):
    slug, title = "webhook-not-an-event", "The body is not an event as the provider documents it"


def get_payment_configuration() -> dict[str, Any]:
    settings = billing_settings()
    return {
        "provider": "stripe",
        "publishable_key": settings.stripe_publishable_key,
        "api_base": settings.stripe_public_api_base,
        "coin_value": {"amount": setting("billing.coin_value"), "currency": setting(CURRENCY)},
    }


def receive_stripe_webhook(body: dict[str, Any]) -> dict[str, bool]:
    signature = flask.request.headers.get("Stripe-Signature", "")
    try:
        webhook_parser.verify_signature(flask.request.get_data(), signature)
        event = webhook_parser.parse_event(body)
    except stripe.SignatureVerificationError:
        logs.get_logger(__name__).warning("webhook not signed")
        raise WebhookNotSigned from None
    except webhook_parser.InvalidEvent as error:
        logs.get_logger(__name__).error("invalid webhook event", reason=str(error))
        raise InvalidWebhookEvent(str(error)) from None
    if event is not None:
        webhook_handler.handle_event(event)
    return {"received": True}
