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


class NotAnEvent(BadRequest):
    slug, title = "webhook-not-an-event", "The body is not an event as the provider documents it"


def receive_stripe_webhook(body: dict[str, Any]) -> dict[str, bool]:
    signature = flask.request.headers.get("Stripe-Signature", "")
    try:
        provider_notices.verify(flask.request.get_data(), signature)
        notice = provider_notices.notice_of(body)
    except stripe.SignatureVerificationError:
        logs.get_logger(__name__).warning("webhook not signed")
        raise NotSigned from None
    except provider_notices.NotAnEvent as error:
        logs.get_logger(__name__).error("webhook is not an event", reason=str(error))
        raise NotAnEvent(str(error)) from None
    if notice is not None:
        provider_news.take_notice(notice)
    return {"received": True}
