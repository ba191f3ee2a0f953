"""Stateful test of fees with any sequence of payments, lost calls and changes of the donation.

A fee is paid at most once, and a payment of a fee that is no longer needed is refunded in the end.
"""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select, update

from libs.chassis import db
from services.billing.coins import accounts, coin_ledger
from services.billing.fees.tables import Fee
from services.billing.ledger.jobs import find_ledger_faults
from services.billing.payments.tables import Payment
from services.billing.refunds.tables import Refund
from tests.integration.billing.fake_provider import FakeProvider
from tests.integration.billing.stateful import LONG_RUN, SHORT_RUN
from tests.integration.billing.support import change_donation, confirm_latest, new_id, settle_now
from tests.support.harness import Harness, user_id

FEE, COINS = 300, 400
LOST = st.sampled_from(["request", "response", "nothing"])


class FeeSequence(RuleBasedStateMachine):
    billing: Harness
    provider: FakeProvider

    def __init__(self) -> None:
        super().__init__()
        self.name = new_id("person")
        self.order = new_id("dor")
        self.minute = 1
        self.is_needed = True
        self.keys: list[str] = []
        self.provider.clear()
        with db.unit_of_work() as session:  # rows of an earlier sequence do not concern this one
            session.execute(update(Payment).values(settle_at=None))
            session.execute(update(Refund).values(settle_at=None))

    @initialize()
    def begin(self) -> None:
        with db.unit_of_work():
            coin_ledger.reward(user_id(self.name), new_id("dor"), "deposit", COINS)
        change_donation(self.billing, "cancelling", order_id=self.order, donor=self.name, minute=1)
        self.client = self.billing.as_user(self.name, "billing:fees billing:payments")

    def fee(self) -> Fee:
        with db.unit_of_work(reads_only=True) as session:
            return session.scalars(select(Fee).where(Fee.order_id == self.order)).one()

    @rule(
        confirmed_as=st.sampled_from(["requires_capture", "requires_action", "declined"]),
        loses=LOST,
        is_repeated=st.booleans(),
    )
    def pay_by_card(self, confirmed_as: str, loses: str, is_repeated: bool) -> None:
        if not is_repeated or not self.keys:
            self.keys.append(new_id("key"))
        self.provider.confirmed_as, self.provider.loses = confirmed_as, loses
        self._pay(self.keys[-1], {"method": "card", "payment_method": "pm_12345"})

    @rule()
    def pay_with_coins(self) -> None:
        self._pay(new_id("key"), {"method": "coins"})

    def _pay(self, key: str, body: dict[str, str]) -> None:
        response = self.client("POST", f"/billing/v1/fees/{self.fee().id}/payments", json=body, key=key)
        assert response.status_code in (201, 402, 409, 503), response.text
        self.provider.loses = "nothing"

    @rule(loses=LOST)
    def confirm_after_authentication(self, loses: str) -> None:
        self.provider.authenticate_all()
        self.provider.loses = loses
        confirm_latest(self.client)
        self.provider.loses = "nothing"

    @rule(loses=LOST)
    def settle(self, loses: str) -> None:
        self.provider.loses = loses
        settle_now()
        self.provider.loses = "nothing"

    @rule()
    def collect_donation(self) -> None:
        """The donation is not cancelled after all, so the fee is no longer needed."""
        self.minute += 1
        self.is_needed = False
        change_donation(self.billing, "collected", order_id=self.order, donor=self.name, minute=self.minute)

    @rule()
    def cancel_donation(self) -> None:
        self.minute += 1
        change_donation(self.billing, "cancelled", order_id=self.order, donor=self.name, minute=self.minute)

    @invariant()
    def the_fee_is_paid_at_most_once(self) -> None:
        with db.unit_of_work(reads_only=True) as session:
            fee = session.scalars(select(Fee).where(Fee.order_id == self.order)).one_or_none()
        if fee is None:
            return
        events = [event for event in self.billing.published("billing.fee.paid.v1") if event["fee_id"] == fee.id]
        assert len(events) == (1 if fee.paid_at else 0)
        assert fee.paid_at or fee.state != "paid"
        assert self.provider.captured_amount() + self._spent_coins() <= FEE

    def _spent_coins(self) -> int:
        with db.unit_of_work(reads_only=True):
            balance, _ = accounts.get_balance(user_id(self.name))
        return COINS - balance

    def teardown(self) -> None:
        """When everything is settled, exactly the fee that is paid has been taken."""
        for _ in range(4):
            settle_now()
        fee = self.fee()
        assert "requires_capture" not in {intent.status for intent in self.provider.intents.values()}
        expected = FEE if fee.state == "paid" else 0
        assert self.provider.captured_amount() + self._spent_coins() == expected, fee.state
        assert fee.state in (("due", "paid") if self.is_needed else ("void", "refunded"))
        with db.unit_of_work(reads_only=True):
            assert find_ledger_faults() == []


def fee_sequence(billing: Harness, provider: FakeProvider) -> type[FeeSequence]:
    return type("BoundFeeSequence", (FeeSequence,), {"billing": billing, "provider": provider})


def test_a_fee_is_paid_at_most_once(billing: Harness, provider: FakeProvider) -> None:
    run_state_machine_as_test(fee_sequence(billing, provider), settings=SHORT_RUN)


@pytest.mark.full
@pytest.mark.real_servers
def test_a_fee_is_paid_at_most_once_in_long_sequences(billing: Harness, provider: FakeProvider) -> None:
    run_state_machine_as_test(fee_sequence(billing, provider), settings=LONG_RUN)
