"""The card payment provider: a thin use of the `stripe` library, with time-outs and a circuit breaker.

Every call that changes something carries an idempotency key made from our id and the attempt, so that a repeat
after a lost answer does nothing twice. The provider answers the same key with the same answer, a failure of its own
too: after such an answer, and only then, the caller begins another attempt (`ProviderUnavailable.is_final`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

import stripe

from libs.chassis import circuit_breaker, logs
from libs.chassis.money import Money
from libs.chassis.problems import PaymentRequired, Unavailable, Unprocessable
from services.billing import declines
from services.billing.settings import billing_settings

# To connect, and for the response. The library repeats a call once: a request of ours that waits for one that hangs
# is answered before the gateway's own time-out of 15 s.
TIMEOUT_SECONDS = (1.0, 4.0)
MOST_IN_A_PAGE = 100
_REPEAT = "nothing was charged; repeat the request with the same key"
_WITH_CARD: Any = {"expand": ["payment_method"]}
T = TypeVar("T")


class ProviderUnavailable(Unavailable):
    """`is_final`: the provider did answer, with a failure, and will answer the same to the same key."""

    slug, title = "payment-provider-unavailable", "The payment provider is away for now"

    def __init__(self, detail: str = "", *, is_final: bool = False) -> None:
        super().__init__(detail)
        self.is_final = is_final


class CardRefused(Unprocessable):
    slug, title = "card-not-usable", "The payment provider does not take this card"


class AmountTooSmall(CardRefused):
    slug, title = "amount-too-small", "The amount is too small to be paid by card"
    CODE = "amount_too_small"


class CardDeclined(PaymentRequired):
    slug, title = "card-declined", "The card was declined"


class CaptureRefused(Exception):
    """The bank does not let the money be taken now; it is still set aside."""


class RefundRefused(Exception):
    """The provider does not make a refund: it is refunded already, disputed, or too old."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


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
    payment_id: str | None = None


@dataclass(frozen=True)
class ProviderRefund:
    """What the provider says of a refund; `refund_id` is ours."""

    id: str
    status: str
    amount: int
    currency: str
    intent_id: str
    refund_id: str | None = None
    failure_code: str | None = None


Window = tuple[datetime, datetime]
_AWAY = (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError)
_circuit = circuit_breaker.breaker("payment provider", lambda error: isinstance(error, _AWAY))


@lru_cache(maxsize=2)
def _client(api_key: str, api_base: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base},
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        max_network_retries=1,
    )


def reset() -> None:
    """Forget earlier failures of the provider, and connect again with the present time-outs."""
    _circuit.set(is_open=False)
    _client.cache_clear()


def _ask(call: Callable[[stripe.StripeClient], T]) -> T:
    chosen = billing_settings()
    client = _client(chosen.stripe_api_key, chosen.stripe_api_base)
    try:
        with circuit_breaker.guarded(_circuit, lambda: ProviderUnavailable(_REPEAT)):
            return call(client)
    except (stripe.CardError, stripe.InvalidRequestError):
        raise
    except stripe.StripeError as error:
        logs.get_logger(__name__).error("payment provider away", reason=type(error).__name__)
        is_final = isinstance(error, stripe.APIError) and (error.http_status or 0) >= 500
        raise ProviderUnavailable(_REPEAT, is_final=is_final) from None


def create(payment_id: str, order_id: str, money: Money, payment_method: str, attempt: int) -> Intent:
    """An intent that is authorised first and captured later; ProviderUnavailable, CardDeclined, CardRefused, and
    AmountTooSmall for less than the provider charges at all."""
    parameters: Any = {
        "amount": money.amount,
        "currency": money.currency.lower(),
        "payment_method": payment_method,
        "payment_method_types": ["card"],
        "capture_method": "manual",
        "metadata": {"payment_id": payment_id, "order_id": order_id},
    }
    options = _once(payment_id, "create", attempt)
    try:
        return _intent_or_declined(lambda stripe: stripe.v1.payment_intents.create(parameters, options))
    except stripe.InvalidRequestError as error:
        code = error.code or "invalid_request"
        if code == AmountTooSmall.CODE:
            raise AmountTooSmall("nothing was charged; pay with coins", decline_code=code) from None
        detail = "the provider does not know this payment method, or does not take it"
        where = [{"pointer": "/payment_method", "detail": detail}]
        raise CardRefused(detail, errors=where, decline_code=code) from None


def _once(our_id: str, what: str, attempt: int) -> Any:
    return {"idempotency_key": f"{our_id}-{what}-{attempt}"}


def confirm(intent_id: str, payment_id: str, attempt: int) -> Intent:
    """Ask the bank; CardDeclined when it refuses. What was confirmed before an answer was lost is read."""
    options = _once(payment_id, "confirm", attempt)
    return _or_read(intent_id, lambda stripe: stripe.v1.payment_intents.confirm(intent_id, _WITH_CARD, options))


def read(intent_id: str) -> Intent:
    return _as_intent(_ask(lambda stripe: stripe.v1.payment_intents.retrieve(intent_id, _WITH_CARD)))


def capture(intent_id: str, payment_id: str, attempt: int) -> Intent:
    """Take the money that the bank set aside; what was taken or given back meanwhile is read.

    When the bank refuses, what has become of the intent counts. CaptureRefused while it can still be taken.
    """
    options = _once(payment_id, "capture", attempt)
    try:
        return _or_read(intent_id, lambda stripe: stripe.v1.payment_intents.capture(intent_id, {}, options))
    except CardDeclined:
        intent = read(intent_id)
        if intent.status == "requires_capture":
            raise CaptureRefused from None
        return intent


def cancel(intent_id: str, payment_id: str, attempt: int) -> Intent:
    """Give back what the bank set aside; what was taken or given back meanwhile is read."""
    options = _once(payment_id, "cancel", attempt)
    return _or_read(intent_id, lambda stripe: stripe.v1.payment_intents.cancel(intent_id, {}, options))


def _or_read(intent_id: str, call: Callable[[stripe.StripeClient], Any]) -> Intent:
    """The intent after `call`, or as it is when the provider refuses that in the intent's present state."""
    try:
        return _intent_or_declined(call)
    except stripe.InvalidRequestError:
        return read(intent_id)


def refund(intent_id: str, refund_id: str, amount: int, attempt: int) -> ProviderRefund:
    """Give back `amount` of a captured payment, once for our `refund_id`; RefundRefused, ProviderUnavailable.

    The key is good for a day at the provider; our id in the metadata is there for ever, so it is looked for first.
    """
    made = _ask(lambda stripe: stripe.v1.refunds.list({"payment_intent": intent_id, "limit": MOST_IN_A_PAGE})).data
    for found in map(_as_refund, made):
        if found.refund_id == refund_id:
            return found
    parameters: Any = {"payment_intent": intent_id, "amount": amount, "metadata": {"refund_id": refund_id}}
    options = _once(refund_id, "refund", attempt)
    try:
        return _as_refund(_ask(lambda stripe: stripe.v1.refunds.create(parameters, options)))
    except stripe.InvalidRequestError as error:
        if error.code == "balance_insufficient":  # it passes, and the next attempt has another key
            raise ProviderUnavailable("the provider cannot pay it back now", is_final=True) from None
        raise RefundRefused((error.code or "invalid_request")[:64]) from None


def read_refund(provider_refund_id: str) -> ProviderRefund:
    return _as_refund(_ask(lambda stripe: stripe.v1.refunds.retrieve(provider_refund_id)))


def list_intents(window: Window, after: str | None) -> tuple[list[Intent], bool]:
    """A page of the intents made in `window`, newest first, and whether there are more."""
    found = _ask(lambda stripe: stripe.v1.payment_intents.list(_page_of(window, after)))
    return [_as_intent(one) for one in found.data], bool(found.has_more)


def list_refunds(window: Window, after: str | None) -> tuple[list[ProviderRefund], bool]:
    """A page of the refunds made in `window`, newest first, and whether there are more."""
    found = _ask(lambda stripe: stripe.v1.refunds.list(_page_of(window, after)))
    return [_as_refund(one) for one in found.data], bool(found.has_more)


def _page_of(window: Window, after: str | None) -> Any:
    since, until = (int(moment.timestamp()) for moment in window)
    page = {"created": {"gte": since, "lt": until}, "limit": MOST_IN_A_PAGE}
    return page | ({"starting_after": after} if after else {})


def _intent_or_declined(call: Callable[[stripe.StripeClient], Any]) -> Intent:
    try:
        return _as_intent(_ask(call))
    except stripe.CardError as error:
        found = error.json_body.get("error", {}) if isinstance(error.json_body, dict) else {}
        told = declines.explain(error.code or "card_declined", found.get("decline_code"))
        raise CardDeclined(told.advice, decline_code=told.code) from None


def _as_intent(found: Any) -> Intent:
    document = found.to_dict()
    error = document.get("last_payment_error") or {}
    told = declines.explain(error.get("code") or "declined", error.get("decline_code")) if error else None
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
        failure_code=told.code if told else None,
        failure_message=told.advice if told else None,
        payment_id=(document.get("metadata") or {}).get("payment_id"),
    )


def _as_refund(found: Any) -> ProviderRefund:
    document = found.to_dict()
    return ProviderRefund(
        id=document["id"],
        status=document["status"],
        amount=document["amount"],
        currency=document["currency"].upper(),
        intent_id=document.get("payment_intent") or "",
        refund_id=(document.get("metadata") or {}).get("refund_id"),
        failure_code=document.get("failure_reason"),
    )


def _card_of(document: dict[str, Any]) -> dict[str, Any]:
    """Brand and last digits, where the answer was asked to bring the payment method along."""
    method = document.get("payment_method")
    card: dict[str, Any] = (method.get("card") or {}) if isinstance(method, dict) else {}
    return card
