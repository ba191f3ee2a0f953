"""The card payment provider: a thin use of the `stripe` library, with time-outs and a circuit breaker.

Every call that changes something carries an idempotency key made from our payment id, so that a repeat after a
lost answer does nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import pybreaker
import stripe

from libs.chassis import logs
from libs.chassis.money import Money
from libs.chassis.problems import PaymentRequired, Unavailable, Unprocessable
from services.billing.settings import billing_settings

TIMEOUT_SECONDS = 8
_WITH_CARD: Any = {"expand": ["payment_method"]}
T = TypeVar("T")


class ProviderUnavailable(Unavailable):
    slug, title = "payment-provider-unavailable", "The payment provider is away for now"


class CardRefused(Unprocessable):
    slug, title = "card-not-usable", "The payment provider does not take this card"


class CardDeclined(PaymentRequired):
    slug, title = "card-declined", "The card was declined"


@dataclass(frozen=True)
class Intent:
    """What the provider says of a payment."""

    id: str
    status: str
    amount: int
    currency: str
    client_secret: str | None
    next_action: dict[str, Any] | None
    card_brand: str | None = None
    card_last4: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None


_AWAY = (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError)
_breaker = pybreaker.CircuitBreaker(
    fail_max=5, reset_timeout=10, exclude=[lambda error: not isinstance(error, _AWAY)]
)


@lru_cache(maxsize=2)
def _client(api_key: str, api_base: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base},
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        max_network_retries=1,
    )


def _ask(call: Callable[[stripe.StripeClient], T]) -> T:
    chosen = billing_settings()
    client = _client(chosen.stripe_api_key, chosen.stripe_api_base)
    try:
        answer: T = _breaker.call(call, client)
    except (stripe.CardError, stripe.InvalidRequestError):
        raise
    except (stripe.StripeError, pybreaker.CircuitBreakerError) as error:
        logs.get_logger(__name__).error("payment provider away", reason=type(error).__name__)
        raise ProviderUnavailable("nothing was charged; repeat the request with the same key") from None
    return answer


def create(payment_id: str, order_id: str, money: Money, payment_method: str) -> Intent:
    """An intent that is authorised first and captured later; ProviderUnavailable, CardDeclined, CardRefused."""
    parameters: Any = {
        "amount": money.amount,
        "currency": money.currency.lower(),
        "payment_method": payment_method,
        "payment_method_types": ["card"],
        "capture_method": "manual",
        "metadata": {"payment_id": payment_id, "order_id": order_id},
    }
    options: Any = {"idempotency_key": f"{payment_id}-create"}
    try:
        return _intent_or_declined(lambda stripe: stripe.v1.payment_intents.create(parameters, options))
    except stripe.InvalidRequestError as error:
        detail = "the provider does not know this payment method, or does not take it"
        code = error.code or "invalid_request"
        where = [{"pointer": "/payment_method", "detail": detail}]
        raise CardRefused(detail, errors=where, decline_code=code) from None


def confirm(intent_id: str, payment_id: str) -> Intent:
    """Ask the bank; CardDeclined when it refuses. What was confirmed before an answer was lost is read."""
    options: Any = {"idempotency_key": f"{payment_id}-confirm"}
    return _or_read(intent_id, lambda stripe: stripe.v1.payment_intents.confirm(intent_id, _WITH_CARD, options))


def read(intent_id: str) -> Intent:
    return _as_intent(_ask(lambda stripe: stripe.v1.payment_intents.retrieve(intent_id, _WITH_CARD)))


def capture(intent_id: str, payment_id: str) -> Intent:
    """Take the money that the bank set aside; what was taken or given back meanwhile is read."""
    options: Any = {"idempotency_key": f"{payment_id}-capture"}
    return _or_read(intent_id, lambda stripe: stripe.v1.payment_intents.capture(intent_id, {}, options))


def cancel(intent_id: str, payment_id: str) -> Intent:
    """Give back what the bank set aside; what was taken or given back meanwhile is read."""
    options: Any = {"idempotency_key": f"{payment_id}-cancel"}
    return _or_read(intent_id, lambda stripe: stripe.v1.payment_intents.cancel(intent_id, {}, options))


def _or_read(intent_id: str, call: Callable[[stripe.StripeClient], Any]) -> Intent:
    """The intent after `call`, or as it is when the provider refuses that in the intent's present state."""
    try:
        return _intent_or_declined(call)
    except stripe.InvalidRequestError:
        return read(intent_id)


def refund(intent_id: str, payment_id: str) -> bool:
    """Give the whole of a captured payment back, once; whether the money is on its way."""
    made = _ask(lambda stripe: stripe.v1.refunds.list({"payment_intent": intent_id, "limit": 1})).data
    options: Any = {"idempotency_key": f"{payment_id}-refund"}
    parameters: Any = {"payment_intent": intent_id, "metadata": {"payment_id": payment_id}}
    found = made[0] if made else _ask(lambda stripe: stripe.v1.refunds.create(parameters, options))
    return found.status in ("succeeded", "pending")


def _intent_or_declined(call: Callable[[stripe.StripeClient], Any]) -> Intent:
    try:
        return _as_intent(_ask(call))
    except stripe.CardError as error:
        message = error.user_message or "the bank declined the card"
        raise CardDeclined(message, decline_code=error.code or "card_declined") from None


def _as_intent(found: Any) -> Intent:
    document = found.to_dict()
    error = document.get("last_payment_error") or {}
    card = _card_of(document)
    return Intent(
        id=document["id"],
        status=document["status"],
        amount=document["amount"],
        currency=document["currency"].upper(),
        client_secret=document.get("client_secret"),
        next_action=document.get("next_action"),
        card_brand=card.get("brand"),
        card_last4=card.get("last4"),
        failure_code=error.get("code"),
        failure_message=error.get("message"),
    )


def _card_of(document: dict[str, Any]) -> dict[str, Any]:
    """Brand and last digits, where the answer was asked to bring the payment method along."""
    method = document.get("payment_method")
    card: dict[str, Any] = (method.get("card") or {}) if isinstance(method, dict) else {}
    return card


@dataclass(frozen=True)
class Notice:
    """A signed event of the provider about an intent."""

    event_id: str
    type: str
    intent_id: str
    amount: int
    currency: str


def read_notice(body: bytes, signature: str) -> Notice | None:
    """A webhook's event when its signature and time are right; stripe.SignatureVerificationError, ValueError.

    None for events that are not about an intent. https://docs.stripe.com/webhooks/signature
    """
    event = stripe.Webhook.construct_event(body, signature, billing_settings().stripe_webhook_secret)
    document = event.to_dict()
    try:
        subject = document["data"]["object"]
        if subject.get("object") != "payment_intent":
            return None
        return Notice(
            event_id=document["id"],
            type=document["type"],
            intent_id=subject["id"],
            amount=subject["amount"],
            currency=subject["currency"].upper(),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the event is not as the provider documents it: {error!r}") from None
