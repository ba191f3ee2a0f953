"""A fake of the card payment provider, in memory: fast, and able to lose requests and responses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from libs.chassis.money import Money
from services.billing.provider.stripe_client import (
    CardDeclined,
    Intent,
    ProviderRefund,
    ProviderUnavailable,
    RefundRefused,
)

CALLS = ("create", "confirm", "read", "capture", "cancel", "refund")


@dataclass
class FakeProvider:
    """`loses`: the "request" or the "response" of the next call, or "nothing".

    `confirmed_as`: the status of the next confirmed intent, or "declined". `refuses`: "capture" or "refund".
    """

    intents: dict[str, Intent] = field(default_factory=dict)
    refunds: dict[str, ProviderRefund] = field(default_factory=dict)
    loses: str = "nothing"
    confirmed_as: str = "requires_capture"
    refuses: str = "nothing"

    def create(self, payment_id: str, _order_id: str, money: Money, _method: str, _attempt: int) -> Intent:
        with self._connection():
            new = Intent(f"pi_{payment_id}", "requires_confirmation", money.amount, money.currency, None, None)
            return self.intents.setdefault(payment_id, new)

    def confirm(self, intent_id: str, _payment_id: str, _attempt: int) -> Intent:
        with self._connection():
            if self._get(intent_id).status == "requires_confirmation":
                if self.confirmed_as == "declined":
                    self._set_status(intent_id, "requires_payment_method")
                    raise CardDeclined("no", decline_code="card_declined")
                self._set_status(intent_id, self.confirmed_as)
            return self._get(intent_id)

    def read(self, intent_id: str) -> Intent:
        with self._connection():
            return self._get(intent_id)

    def capture(self, intent_id: str, _payment_id: str, _attempt: int) -> Intent:
        with self._connection():
            if self._get(intent_id).status == "requires_capture":
                status = "requires_payment_method" if self.refuses == "capture" else "succeeded"
                self._set_status(intent_id, status)
            return self._get(intent_id)

    def cancel(self, intent_id: str, _payment_id: str, _attempt: int) -> Intent:
        with self._connection():
            if self._get(intent_id).status != "succeeded":
                self._set_status(intent_id, "canceled")
            return self._get(intent_id)

    def refund(self, intent_id: str, refund_id: str, amount: int, _attempt: int) -> ProviderRefund:
        with self._connection():
            intent = self._get(intent_id)
            assert intent.status == "succeeded"
            if self.refuses == "refund" and refund_id not in self.refunds:
                raise RefundRefused("charge_too_old")
            new = ProviderRefund(
                f"re_{refund_id}", "succeeded", amount, intent.currency, intent_id, refund_id=refund_id
            )
            refund = self.refunds.setdefault(refund_id, new)
            assert self.refunded_amount(intent_id) <= intent.amount
            return refund

    def clear(self) -> None:
        self.intents.clear()
        self.refunds.clear()

    def refunded_amount(self, intent_id: str) -> int:
        return sum(refund.amount for refund in self.refunds.values() if refund.intent_id == intent_id)

    def captured_amount(self) -> int:
        """What was captured and not refunded."""
        captured = [intent for intent in self.intents.values() if intent.status == "succeeded"]
        return sum(intent.amount - self.refunded_amount(intent.id) for intent in captured)

    def authenticate_all(self) -> None:
        """Let all customers pass the bank's own check."""
        for intent in list(self.intents.values()):
            if intent.status == "requires_action":
                self._set_status(intent.id, "requires_capture")

    def _get(self, intent_id: str) -> Intent:
        return self.intents[intent_id.removeprefix("pi_")]

    def _set_status(self, intent_id: str, status: str) -> None:
        self.intents[intent_id.removeprefix("pi_")] = replace(self._get(intent_id), status=status)

    @contextmanager
    def _connection(self) -> Iterator[None]:
        """The network between us and the provider, for one call."""
        loses, self.loses = self.loses, "nothing"
        if loses == "request":
            raise ProviderUnavailable
        yield
        if loses == "response":
            raise ProviderUnavailable
