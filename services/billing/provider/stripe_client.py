"""Calls to the card payment provider: the `stripe` library with time-outs and a circuit breaker.

Every call that changes something carries an idempotency key made from our id and the attempt, so that a repetition
after a lost response changes nothing. The provider repeats its response to a key, also when it was a failure of its
own: after such a response, and only then, the caller begins another attempt (`ProviderUnavailable.is_final`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import stripe

from libs.chassis import circuit_breaker, logs
from libs.chassis.money import Money
from libs.chassis.problems import PaymentRequired, Unavailable, Unprocessable
from libs.chassis.runtime import per_process
from services.billing.provider import declines
from services.billing.settings import billing_settings

# To connect, and for the response. The library repeats a call once; so, although the provider hangs, a request of
# ours is answered before the time-out of the gateway (15 s).
TIMEOUT_SECONDS = (1.0, 4.0)
PAGE_SIZE = 100
_REPEAT = "nothing was charged; repeat the request with the same key"
_WITH_CARD: Any = {"expand": ["payment_method"]}
T = TypeVar("T")


class ProviderUnavailable(Unavailable):
    """`is_final`: the provider has responded with a failure, and will repeat it for the same idempotency key."""

    slug, title = "payment-provider-unavailable", "The payment provider is unavailable"

    def __init__(self, detail: str = "", *, is_final: bool = False) -> None:
        super().__init__(detail)
        self.is_final = is_final


class CardRefused(Unprocessable):
    slug, title = "card-not-usable", "The payment provider does not accept this card"


class AmountTooSmall(CardRefused):
    slug, title = "amount-too-small", "The amount is too small to be paid by card"
    CODE = "amount_too_small"


class CardDeclined(PaymentRequired):
    slug, title = "card-declined", "The card was declined"


class CaptureRefused(Exception):
    """The bank does not allow the capture now; the money is still set aside."""

    is_final = True


class RefundRefused(Exception):
    """The provider refuses a refund: the payment is refunded already, disputed, or too old."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Intent:
    """A payment as the provider reports it; `payment_id` is our id."""

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

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


@dataclass(frozen=True)
class ProviderRefund:
    """A refund as the provider reports it; `refund_id` is our id."""

    id: str
    status: str
    amount: int
    currency: str
    intent_id: str
    refund_id: str | None = None
    failure_code: str | None = None

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


Window = tuple[datetime, datetime]
_OUTAGES = (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError)


@per_process
def circuit() -> circuit_breaker.Circuit:
    return circuit_breaker.breaker("payment provider", lambda error: isinstance(error, _OUTAGES))


@per_process
def _client(api_key: str, api_base: str, timeout: float | tuple[float, float]) -> stripe.StripeClient:
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base},
        http_client=stripe.RequestsClient(timeout=timeout),
        max_network_retries=1,
    )


def _call(call: Callable[[stripe.StripeClient], T]) -> T:
    settings = billing_settings()
    client = _client(settings.stripe_api_key, settings.stripe_api_base, TIMEOUT_SECONDS)
    try:
        with circuit_breaker.guarded(circuit(), lambda: ProviderUnavailable(_REPEAT)):
            return call(client)
    except (stripe.CardError, stripe.InvalidRequestError):
        raise
    except stripe.StripeError as error:
        logs.get_logger(__name__).error("payment provider unavailable", reason=type(error).__name__)
        is_final = isinstance(error, stripe.APIError) and (error.http_status or 0) >= 500
        raise ProviderUnavailable(_REPEAT, is_final=is_final) from None


def create(payment_id: str, order_id: str, money: Money, payment_method: str, attempt: int) -> Intent:
    """Create an intent that is authorized first and captured later.

    ProviderUnavailable, CardDeclined, CardRefused; AmountTooSmall for less than the provider's minimum.
    """
    parameters: Any = {
        "amount": money.amount,
        "currency": money.currency.lower(),
        "payment_method": payment_method,
        "payment_method_types": ["card"],
        "capture_method": "manual",
        "metadata": {"payment_id": payment_id, "order_id": order_id},
    }
    options = _make_idempotency_options(payment_id, "create", attempt)
    try:
        return _call_with_card(lambda stripe: stripe.v1.payment_intents.create(parameters, options))
    except stripe.InvalidRequestError as error:
        code = error.code or "invalid_request"
        if code == AmountTooSmall.CODE:
            raise AmountTooSmall("nothing was charged; pay with coins", decline_code=code) from None
        detail = "the provider does not know or does not accept this payment method"
        errors = [{"pointer": "/payment_method", "detail": detail}]
        raise CardRefused(detail, errors=errors, decline_code=code) from None


def _make_idempotency_options(our_id: str, action: str, attempt: int) -> Any:
    return {"idempotency_key": f"{our_id}-{action}-{attempt}"}


def confirm(intent_id: str, payment_id: str, attempt: int) -> Intent:
    """Request the bank's authorization; CardDeclined. An intent that is confirmed already is read."""
    options = _make_idempotency_options(payment_id, "confirm", attempt)
    return _call_or_read(
        intent_id, lambda stripe: stripe.v1.payment_intents.confirm(intent_id, _WITH_CARD, options)
    )


def read(intent_id: str) -> Intent:
    return _to_intent(_call(lambda stripe: stripe.v1.payment_intents.retrieve(intent_id, _WITH_CARD)))


def capture(intent_id: str, payment_id: str, attempt: int) -> Intent:
    """Capture the money that the bank has set aside; an intent that is captured or cancelled already is read.

    After a refusal of the bank the intent is read, too. CaptureRefused while it can still be captured.
    """
    options = _make_idempotency_options(payment_id, "capture", attempt)
    try:
        return _call_or_read(intent_id, lambda stripe: stripe.v1.payment_intents.capture(intent_id, {}, options))
    except CardDeclined:
        intent = read(intent_id)
        if intent.status == "requires_capture":
            raise CaptureRefused from None
        return intent


def cancel(intent_id: str, payment_id: str, attempt: int) -> Intent:
    """Release the money that the bank has set aside; an intent that is captured or cancelled already is read."""
    options = _make_idempotency_options(payment_id, "cancel", attempt)
    return _call_or_read(intent_id, lambda stripe: stripe.v1.payment_intents.cancel(intent_id, {}, options))


def _call_or_read(intent_id: str, call: Callable[[stripe.StripeClient], Any]) -> Intent:
    """The intent after `call`, or its present state when that does not allow the call."""
    try:
        return _call_with_card(call)
    except stripe.InvalidRequestError:
        return read(intent_id)


def refund(intent_id: str, refund_id: str, amount: int, attempt: int) -> ProviderRefund:
    """Refund `amount` of a captured payment, once for our `refund_id`; RefundRefused, ProviderUnavailable.

    The provider keeps the idempotency key for a day, and the id in the metadata for ever, so that is searched
    first.
    """
    page = _call(lambda stripe: stripe.v1.refunds.list({"payment_intent": intent_id, "limit": PAGE_SIZE}))
    for existing in map(_to_refund, page.data):
        if existing.refund_id == refund_id:
            return existing
    parameters: Any = {"payment_intent": intent_id, "amount": amount, "metadata": {"refund_id": refund_id}}
    options = _make_idempotency_options(refund_id, "refund", attempt)
    try:
        return _to_refund(_call(lambda stripe: stripe.v1.refunds.create(parameters, options)))
    except stripe.InvalidRequestError as error:
        if error.code == "balance_insufficient":  # a temporary state, and the next attempt has another key
            raise ProviderUnavailable("the provider cannot refund it now", is_final=True) from None
        raise RefundRefused((error.code or "invalid_request")[:64]) from None


def read_refund(provider_refund_id: str) -> ProviderRefund:
    return _to_refund(_call(lambda stripe: stripe.v1.refunds.retrieve(provider_refund_id)))


def list_intents(window: Window, after: str | None) -> tuple[list[Intent], bool]:
    """A page of the intents created in `window`, newest first, and whether there are more."""
    page = _call(lambda stripe: stripe.v1.payment_intents.list(_make_page_parameters(window, after)))
    return [_to_intent(item) for item in page.data], bool(page.has_more)


def list_refunds(window: Window, after: str | None) -> tuple[list[ProviderRefund], bool]:
    """A page of the refunds created in `window`, newest first, and whether there are more."""
    page = _call(lambda stripe: stripe.v1.refunds.list(_make_page_parameters(window, after)))
    return [_to_refund(item) for item in page.data], bool(page.has_more)


def _make_page_parameters(window: Window, after: str | None) -> Any:
    since, until = (int(time.timestamp()) for time in window)
    parameters = {"created": {"gte": since, "lt": until}, "limit": PAGE_SIZE}
    return parameters | ({"starting_after": after} if after else {})


def _call_with_card(call: Callable[[stripe.StripeClient], Any]) -> Intent:
    """The intent that `call` returns; CardDeclined."""
    try:
        return _to_intent(_call(call))
    except stripe.CardError as error:
        details = error.json_body.get("error", {}) if isinstance(error.json_body, dict) else {}
        decline = declines.explain(error.code or "card_declined", details.get("decline_code"))
        raise CardDeclined(decline.advice, decline_code=decline.code) from None


def _to_intent(stripe_object: Any) -> Intent:
    document = stripe_object.to_dict()
    error = document.get("last_payment_error") or {}
    decline = declines.explain(error.get("code") or "declined", error.get("decline_code")) if error else None
    method = document.get("payment_method")  # an id, or the object when the call asked to expand it
    card: dict[str, Any] = (method.get("card") or {}) if isinstance(method, dict) else {}
    return Intent(
        id=document["id"],
        status=document["status"],
        amount=document["amount"],
        currency=document["currency"].upper(),
        client_secret=document.get("client_secret"),
        next_action=document.get("next_action"),
        card_brand=card.get("brand"),
        card_last4=card.get("last4"),
        failure_code=decline.code if decline else None,
        failure_message=decline.advice if decline else None,
        payment_id=(document.get("metadata") or {}).get("payment_id"),
    )


def _to_refund(stripe_object: Any) -> ProviderRefund:
    document = stripe_object.to_dict()
    return ProviderRefund(
        id=document["id"],
        status=document["status"],
        amount=document["amount"],
        currency=document["currency"].upper(),
        intent_id=document.get("payment_intent") or "",
        refund_id=(document.get("metadata") or {}).get("refund_id"),
        failure_code=document.get("failure_reason"),
    )
