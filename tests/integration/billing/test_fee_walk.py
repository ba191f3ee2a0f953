"""Any sequence of paying, answers that get lost, and orders that go another way: a fee is paid once or not at all,
and what was paid for nothing is back in the end."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select, update

from libs.chassis import db
from services.billing import coins, fee_payments, fees, ledger_check, money_check, payments, settlement
from services.billing.card_provider import CardDeclined, ProviderUnavailable
from services.billing.models import Fee, Payment, Refund
from tests.integration.billing.bank import Bank
from tests.integration.billing.support import move_donation, new_id, settle_now
from tests.integration.billing.walks import LONG_WALK, SHORT_WALK
from tests.support.harness import Harness, user_id

SOON = timedelta(seconds=1)
FEE, COINS = 300, 400
REFUSALS = (
    fees.FeeNotPayable,
    payments.AlreadyBeingPaid,
    payments.PaymentGivenUp,
    coins.NotEnoughCoins,
    CardDeclined,
    ProviderUnavailable,
)
WHERE = st.sampled_from(["before", "after", "nowhere"])


class FeeWalk(RuleBasedStateMachine):
    billing: Harness
    bank: Bank

    def __init__(self) -> None:
        super().__init__()
        self.name = new_id("person")
        self.order = new_id("dor")
        self.minute = 1
        self.wanted = True
        self.keys: list[str] = []
        self.bank.forget()
        with db.unit_of_work() as session:  # what an earlier walk left half way is not ours
            session.execute(update(Payment).values(settle_at=None))
            session.execute(update(Refund).values(settle_at=None))

    @initialize()
    def begin(self) -> None:
        with db.unit_of_work():
            coins.reward(user_id(self.name), new_id("dor"), "deposit", COINS)
        move_donation(self.billing, "cancelling", order_id=self.order, donor=self.name, minute=1)

    def fee(self) -> Fee:
        with db.unit_of_work(reads_only=True) as session:
            return session.scalars(select(Fee).where(Fee.order_id == self.order)).one()

    @rule(
        answer=st.sampled_from(["requires_capture", "requires_action", "declined"]),
        loses=WHERE,
        again=st.booleans(),
    )
    def pay_by_card(self, answer: str, loses: str, again: bool) -> None:
        if not again or not self.keys:
            self.keys.append(new_id("pay"))
        self.bank.answers_with, self.bank.loses = answer, loses
        self._pay(self.keys[-1], "card")

    @rule()
    def pay_with_coins(self) -> None:
        self._pay(new_id("pay"), "coins")

    def _pay(self, key: str, method: str) -> None:
        fee_id, card = self.fee().id, "pm_12345" if method == "card" else None
        with suppress(*REFUSALS), db.unit_of_work():
            fee_payments.pay(fee_id, user_id(self.name), key, method, card)
        self.bank.loses = "nowhere"

    @rule(loses=WHERE)
    def go_on_after_the_check(self, loses: str) -> None:
        self.bank.authenticate()
        self.bank.loses = loses
        for key in self.keys[-1:]:
            with db.unit_of_work() as session:
                payment = session.get(Payment, key)
                if payment is not None:
                    self._confirm(payment)
        self.bank.loses = "nowhere"

    @staticmethod
    def _confirm(payment: Payment) -> None:
        with suppress(CardDeclined, ProviderUnavailable):
            settlement.capture_at_once(payments.confirm_after_action(payment))

    @rule(loses=WHERE)
    def settle(self, loses: str) -> None:
        self.bank.loses = loses
        settle_now()
        self.bank.loses = "nowhere"

    @rule()
    def the_order_goes_another_way(self) -> None:
        self.minute += 1
        self.wanted = False
        move_donation(self.billing, "collected", order_id=self.order, donor=self.name, minute=self.minute)

    @rule()
    def the_order_is_cancelled(self) -> None:
        self.minute += 1
        move_donation(self.billing, "cancelled", order_id=self.order, donor=self.name, minute=self.minute)

    @invariant()
    def it_is_told_as_paid_at_most_once_and_never_paid_twice(self) -> None:
        with db.unit_of_work(reads_only=True) as session:
            fee = session.scalars(select(Fee).where(Fee.order_id == self.order)).one_or_none()
        if fee is None:
            return
        told = [event for event in self.billing.published("billing.fee.paid.v1") if event["fee_id"] == fee.id]
        assert len(told) == (1 if fee.paid_at else 0)
        assert fee.paid_at or fee.state != "paid"
        assert self.bank.kept() + self._coins_spent() <= FEE

    def _coins_spent(self) -> int:
        with db.unit_of_work(reads_only=True):
            balance, _ = coins.balance_of(user_id(self.name))
        return COINS - balance

    def teardown(self) -> None:
        """When all is settled, what is kept is exactly the fee that is paid."""
        for _ in range(4):
            settle_now()
        fee = self.fee()
        assert "requires_capture" not in {intent.status for intent in self.bank.intents.values()}
        assert self.bank.kept() + self._coins_spent() == (FEE if fee.state == "paid" else 0), fee.state
        assert fee.state in (("due", "paid") if self.wanted else ("void", "refunded"))
        with db.unit_of_work(reads_only=True):
            assert [*ledger_check.faults(), *money_check.faults()] == []


def walk_at(billing: Harness, bank: Bank) -> type[FeeWalk]:
    return type("FeeWalkHere", (FeeWalk,), {"billing": billing, "bank": bank})


def test_a_fee_is_paid_once_or_not_at_all_whatever_happens(billing: Harness, bank: Bank) -> None:
    run_state_machine_as_test(walk_at(billing, bank), settings=SHORT_WALK)


@pytest.mark.full
@pytest.mark.real_servers
def test_a_fee_is_paid_once_or_not_at_all_on_long_walks(billing: Harness, bank: Bank) -> None:
    run_state_machine_as_test(walk_at(billing, bank), settings=LONG_WALK)
