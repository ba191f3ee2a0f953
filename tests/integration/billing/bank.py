"""The card payment provider, in memory: quick, and losing its answers wherever a walk wants it to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from libs.chassis.money import Money
from services.billing.card_provider import CardDeclined, Intent, ProviderRefund, ProviderUnavailable, RefundRefused

CALLS = ("create", "confirm", "read", "capture", "cancel", "refund")


@dataclass
class Bank:
    """`loses` says where the next call fails, before or after its work; `answers_with` what a card does; `refuses`
    which of capture and refund it does not do."""

    intents: dict[str, Intent] = field(default_factory=dict)
    refunds: dict[str, ProviderRefund] = field(default_factory=dict)
    loses: str = "nowhere"
    answers_with: str = "requires_capture"
    refuses: str = "nothing"

    def create(self, payment_id: str, _order_id: str, money: Money, _method: str, _attempt: int) -> Intent:
        with self._line():
            return self.intents.setdefault(payment_id, self._new(payment_id, money))

    @staticmethod
    def _new(payment_id: str, money: Money) -> Intent:
        return Intent(f"pi_{payment_id}", "requires_confirmation", money.amount, money.currency, None, None)

    def confirm(self, intent_id: str, _payment_id: str, _attempt: int) -> Intent:
        with self._line():
            if self._of(intent_id).status == "requires_confirmation":
                if self.answers_with == "declined":
                    self._set(intent_id, "requires_payment_method")
                    raise CardDeclined("no", decline_code="card_declined")
                self._set(intent_id, self.answers_with)
            return self._of(intent_id)

    def read(self, intent_id: str) -> Intent:
        with self._line():
            return self._of(intent_id)

    def capture(self, intent_id: str, _payment_id: str, _attempt: int) -> Intent:
        with self._line():
            if self._of(intent_id).status == "requires_capture":
                self._set(intent_id, "requires_payment_method" if self.refuses == "capture" else "succeeded")
            return self._of(intent_id)

    def cancel(self, intent_id: str, _payment_id: str, _attempt: int) -> Intent:
        with self._line():
            if self._of(intent_id).status != "succeeded":
                self._set(intent_id, "canceled")
            return self._of(intent_id)

    def refund(self, intent_id: str, refund_id: str, amount: int, _attempt: int) -> ProviderRefund:
        with self._line():
            intent = self._of(intent_id)
            assert intent.status == "succeeded"
            if self.refuses == "refund" and refund_id not in self.refunds:
                raise RefundRefused("charge_too_old")
            made = ProviderRefund(
                f"re_{refund_id}", "succeeded", amount, intent.currency, intent_id, refund_id=refund_id
            )
            known = self.refunds.setdefault(refund_id, made)
            assert self.refunded(intent_id) <= intent.amount
            return known

    def forget(self) -> None:
        self.intents.clear()
        self.refunds.clear()

    def refunded(self, intent_id: str) -> int:
        return sum(refund.amount for refund in self.refunds.values() if refund.intent_id == intent_id)

    def kept(self) -> int:
        """What the bank took and did not give back."""
        taken = [intent for intent in self.intents.values() if intent.status == "succeeded"]
        return sum(intent.amount - self.refunded(intent.id) for intent in taken)

    def authenticate(self) -> None:
        """All customers go through the bank's own check."""
        for intent in list(self.intents.values()):
            if intent.status == "requires_action":
                self._set(intent.id, "requires_capture")

    def _of(self, intent_id: str) -> Intent:
        return self.intents[intent_id.removeprefix("pi_")]

    def _set(self, intent_id: str, status: str) -> None:
        self.intents[intent_id.removeprefix("pi_")] = replace(self._of(intent_id), status=status)

    def _line(self) -> Line:
        where, self.loses = self.loses, "nowhere"
        return Line(where)


@dataclass
class Line:
    """The network between us and the bank, for one call."""

    loses: str

    def __enter__(self) -> None:
        if self.loses == "before":
            raise ProviderUnavailable

    def __exit__(self, kind: type | None, *_: object) -> None:
        if self.loses == "after" and kind is None:
            raise ProviderUnavailable
