"""Stateful test of purchases with any sequence of payments, cancellations, sales, pick-ups and returns, with late,
duplicate and reordered events, and with lost calls of the provider.

Coins and money always balance, and nothing is captured or refunded twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, func, select, update

from libs.chassis import db
from libs.chassis.tables import OutboxRow
from services.billing.coins import coin_ledger
from services.billing.ledger.jobs import find_ledger_faults
from services.billing.ledger.tables import MoneyEntry
from services.billing.payments.rules import SALE_NOT_PAID
from services.billing.payments.store import find_sale_payment
from services.billing.payments.tables import Payment
from services.billing.payouts.tables import Payout
from services.billing.provider import webhook_handler
from services.billing.provider.webhook_parser import WebhookEvent
from services.billing.refunds.replacement import replace_failed
from services.billing.refunds.tables import Refund
from tests.integration.billing.fake_provider import FakeProvider
from tests.integration.billing.shop import Order, Shop
from tests.integration.billing.stateful import LONG_RUN, SHORT_RUN
from tests.integration.billing.support import change_donation, confirm_latest, new_id, settle_now
from tests.support.harness import Harness, user_id

PRICES = (4900, 1501, 99)
COINS = 9000
CARD = {"method": "card", "payment_method": "pm_12345"}
LOST = st.sampled_from(["request", "response", "nothing"])
STAGES = ["placed", "authorized", "selling", "sold", "picked_up"]
RARELY = st.sampled_from([False, False, True])
PICK_UP_REWARD, FIRST_PURCHASE_REWARD = 20, 100


@dataclass
class PendingEvent:
    """An event that billing has not received yet, or may receive again."""

    name: str
    deliver: Callable[[], None]


class PurchaseSequence(RuleBasedStateMachine):
    """One order, from its placing on.

    Some rules do what the customer and shopping services do, which sends events; others deliver them in any order.
    """

    billing: Harness
    provider: FakeProvider
    shop: Shop

    def __init__(self) -> None:
        super().__init__()
        self.provider.clear()
        with db.unit_of_work() as session:  # rows of an earlier sequence do not concern this one
            for table in (Payment, Refund):
                session.execute(update(table).values(settle_at=None))
            session.execute(delete(OutboxRow))
        self.order: Order = self.shop.order(prices=PRICES)
        self.shop.give_coins(self.order.buyer, COINS)
        self.donor, self.donation = new_id("donor"), new_id("dor")
        change_donation(self.billing, "deposited", order_id=self.donation, donor=self.donor)
        self.keys: list[str] = []
        self.pending: list[PendingEvent] = []
        self.delivered: list[PendingEvent] = []
        self.hold = "active"  # as shopping has it
        self.returned: dict[str, int] = {}
        self.is_picked_up = self.is_completed = False

    @initialize(stage=st.sampled_from(STAGES), with_coins=st.booleans())
    def begin(self, stage: str, with_coins: bool) -> None:
        """Some sequences begin at a later stage, so that they get far enough."""
        stages = STAGES[: STAGES.index(stage) + 1]
        if "authorized" in stages:
            self.keys.append(new_id("key"))
            self._pay(self.keys[-1], {"method": "coins"} if with_coins else CARD)
        if "selling" in stages:
            self.sell_in_shopping()
        if "sold" in stages:
            self._deliver(self.pending[0])
            settle_now()
            self.receive_webhook()
            assert self._is_paid()
        if "picked_up" in stages:
            self.pick_up()

    # What the buyer, the customer service and shopping do

    @precondition(lambda self: self.hold == "active")
    @rule(
        confirmed_as=st.sampled_from(["requires_capture", "requires_capture", "requires_action", "declined"]),
        loses=LOST,
        is_repeated=st.booleans(),
    )
    def pay_by_card(self, confirmed_as: str, loses: str, is_repeated: bool) -> None:
        if not is_repeated or not self.keys:
            self.keys.append(new_id("key"))
        self.provider.confirmed_as, self.provider.loses = confirmed_as, loses
        self._pay(self.keys[-1], CARD)

    @precondition(lambda self: self.hold == "active")
    @rule()
    def pay_with_coins(self) -> None:
        self._pay(new_id("key"), {"method": "coins"})

    def _pay(self, key: str, body: dict[str, Any]) -> None:
        body = body | {"order_id": self.order.id}
        response = self.shop.send(self.order.buyer, "POST", "/billing/v1/payments", json=body, key=key)
        # 422: the key was used for a payment with coins
        assert response.status_code in (201, 402, 409, 422, 503), response.text
        self.provider.loses = "nothing"

    @precondition(lambda self: self.hold == "active")
    @rule()
    def confirm_after_authentication(self) -> None:
        self.provider.authenticate_all()
        confirm_latest(self.billing.as_user(self.order.buyer, "billing:payments"))

    @precondition(lambda self: self.hold == "active")
    @rule()
    def sell_in_shopping(self) -> None:
        """Shopping sells the products of a hold when it has received the authorization."""
        if self.hold != "active":
            return
        authorized = self.billing.published("billing.payment.authorized.v1")
        if any(event["order_id"] == self.order.id for event in authorized):
            self.hold = "sold"
            self._send("sold", lambda: self.shop.sell(self.order))
            for index in range(2):
                self._send("product", lambda index=index: self.shop.product_sold(self.order, index, self.donation))

    @precondition(lambda self: self.hold == "active")
    @rule(is_due=RARELY)
    def expire_hold(self, is_due: bool) -> None:
        if self.hold == "active" and is_due:
            self.hold, self.order.state = "released", "expired"
            self._send("released", lambda: self.shop.release(self.order))
            expired = {"order_id": self.order.id, "buyer_id": user_id(self.order.buyer)}
            event_type = "customer.buying_order.expired.v1"
            self._send("expired", lambda: self.billing.deliver(event_type, expired))

    @precondition(lambda self: self.order.state == "placed" and not self.is_picked_up)
    @rule()
    def cancel_order(self) -> None:
        if self.order.state == "placed" and not self.is_picked_up:
            self.order.state = "cancelled"
            if self.hold == "active":
                self.hold = "released"
                self._send("released", lambda: self.shop.release(self.order))
            self._send("cancelled", lambda: self.shop.change_order(self.order, "cancelled"))

    def _is_paid(self) -> bool:
        captured = self.billing.published("billing.payment.captured.v1")
        return any(event["order_id"] == self.order.id for event in captured)

    @precondition(lambda self: self.hold == "sold" and not self.is_picked_up)
    @rule()
    def pick_up(self) -> None:
        if self.order.state == "placed" and self._is_paid() and not self.is_picked_up:
            self.is_picked_up = True
            self._send("picked_up", lambda: self.shop.change_order(self.order, "picked_up", is_first=True))

    @precondition(lambda self: self.is_picked_up and not self.is_completed)
    @rule(index=st.integers(0, 2), is_good=st.booleans())
    def return_product(self, index: int, is_good: bool) -> None:
        product = self.order.products[index]
        if not self.is_picked_up or self.is_completed or product in self.returned:
            return
        return_id, refund = new_id("rbo"), PRICES[index] if is_good else PRICES[index] // 3
        self.returned[product] = refund
        state = "checked_good" if is_good else "refund_decided"
        self._send(state, lambda: self.shop.change_return(self.order, state, [product], refund, return_id))

    @precondition(lambda self: self.is_picked_up and not self.is_completed)
    @rule(is_due=RARELY)
    def close_return_window(self, is_due: bool) -> None:
        if is_due and self.is_picked_up and not self.is_completed:
            self.is_completed = True
            kept = [product for product in self.order.products if product not in self.returned]
            self._send(
                "completed",
                lambda: self.shop.change_order(self.order, "completed", products=kept, is_first=True),
            )

    # How it reaches billing

    def _send(self, name: str, deliver: Callable[[], None]) -> None:
        self.pending.append(PendingEvent(name, deliver))

    @precondition(lambda self: self.pending)
    @rule(index=st.integers(0, 20))
    def deliver_event(self, index: int) -> None:
        if self.pending:
            self._deliver(self.pending[index % len(self.pending)])

    @precondition(lambda self: self.delivered)
    @rule(index=st.integers(0, 20))
    def deliver_duplicate(self, index: int) -> None:
        if self.delivered:
            self.delivered[index % len(self.delivered)].deliver()

    def _deliver(self, event: PendingEvent) -> None:
        try:
            event.deliver()
        except LookupError:  # too early: it is delivered again
            return
        if event in self.pending:
            self.pending.remove(event)
        self.delivered.append(event)

    @rule(loses=LOST, refuses=st.sampled_from(["nothing", "nothing", "capture", "refund"]))
    def settle(self, loses: str, refuses: str) -> None:
        self.provider.loses, self.provider.refuses = loses, refuses
        settle_now()
        self.provider.loses, self.provider.refuses = "nothing", "nothing"

    @rule()
    def cancel_unpaid_sale(self) -> None:
        """The customer service cancels an order when it receives that its sale cannot be paid."""
        voided = self.billing.published("billing.payment.voided.v1")
        unpaid = [event for event in voided if event["reason_code"] == SALE_NOT_PAID]
        if self.order.state == "placed" and any(event["order_id"] == self.order.id for event in unpaid):
            self.order.state = "cancelled"
            self._send("cancelled", lambda: self.shop.change_order(self.order, "cancelled"))

    @rule()
    def replace_failed_refunds(self) -> None:
        with db.unit_of_work() as session:
            replaced = select(Refund.replaces).where(Refund.replaces.is_not(None))
            failed = select(Refund.id).where(Refund.order_id == self.order.id, Refund.state == "failed")
            for refund_id in session.scalars(failed.where(Refund.id.not_in(replaced))).all():
                replace_failed(refund_id, None)

    @rule()
    def receive_webhook(self) -> None:
        for intent in self.provider.intents.values():
            if intent.status == "succeeded":
                event = WebhookEvent(new_id("evt"), "payment_intent.succeeded", intent.id, intent.amount, "EUR")
                with db.unit_of_work():
                    webhook_handler.handle_event(event)

    # What holds after each step

    @invariant()
    def the_ledgers_balance(self) -> None:
        with db.unit_of_work(reads_only=True):
            assert find_ledger_faults() == []

    @invariant()
    def a_buyer_pays_at_most_once(self) -> None:
        balance, debt = self._coins()
        spent = COINS - balance + debt
        captured = self.provider.captured_amount()
        assert captured >= 0
        assert captured + max(spent, 0) <= self.order.total + PICK_UP_REWARD + FIRST_PURCHASE_REWARD

    @invariant()
    def a_refund_is_published_once(self) -> None:
        with db.unit_of_work(reads_only=True) as session:
            published = select(OutboxRow.subject).where(OutboxRow.type == "billing.refund.completed.v1")
            subjects = session.scalars(published).all()
        assert len(subjects) == len(set(subjects))

    def _coins(self) -> tuple[int, int]:
        return self.shop.balance(self.order.buyer)

    def teardown(self) -> None:
        """When every event has been delivered and every call has succeeded, all have what belongs to them."""
        self.provider.loses, self.provider.confirmed_as = "nothing", "requires_capture"
        self.confirm_after_authentication()
        self.sell_in_shopping()
        self.expire_hold(True)
        for _ in range(4):
            for event in list(self.pending):
                self._deliver(event)
            settle_now()
            self.cancel_unpaid_sale()
            self.replace_failed_refunds()
        assert [event.name for event in self.pending] == []
        self._assert_buyer_paid_for_kept_products()
        self._assert_buyer_has_rewards_of_kept_products()
        self._assert_donor_is_owed_kept_products()
        self.the_ledgers_balance()

    def _expected_payment(self) -> int:
        is_sold = self.hold == "sold" and self.order.state == "placed"
        return self.order.total - sum(self.returned.values()) if is_sold else 0

    def _assert_buyer_paid_for_kept_products(self) -> None:
        with db.unit_of_work(reads_only=True):
            payment = find_sale_payment(self.order.id)
        with_coins = payment is not None and payment.method == "coins"
        expected = self._expected_payment()
        balance, debt = self._coins()
        paid_coins = COINS + self._expected_rewards() - balance + debt
        assert self.provider.captured_amount() == (0 if with_coins else expected)
        assert paid_coins == (expected if with_coins else 0)
        assert not [intent for intent in self.provider.intents.values() if intent.status == "requires_capture"]

    def _expected_rewards(self) -> int:
        if not self.is_picked_up:
            return 0
        earned = PICK_UP_REWARD + FIRST_PURCHASE_REWARD
        returned = sum(PRICES[self.order.products.index(product)] for product in self.returned)
        return 0 if len(self.returned) == len(PRICES) else earned - earned * returned // self.order.total

    def _assert_buyer_has_rewards_of_kept_products(self) -> None:
        with db.unit_of_work(reads_only=True):
            rewards = coin_ledger.sum_earned(self.order.id) - coin_ledger.sum_taken_back(self.order.id)
        assert rewards == self._expected_rewards()

    def _assert_donor_is_owed_kept_products(self) -> None:
        with db.unit_of_work(reads_only=True) as session:
            rows = session.execute(select(Payout.product_id, Payout.state).where(Payout.order_id == self.donation))
            states = dict(rows.all())
            account = MoneyEntry.account == f"donors.{user_id(self.donor)}"
            owed = -int(session.scalar(select(func.coalesce(func.sum(MoneyEntry.amount), 0)).where(account)) or 0)
        kept = [index for index in range(2) if self.order.products[index] not in self.returned]
        due = [index for index in kept if self.is_completed]
        assert owed == sum((PRICES[index] * 40 + 50) // 100 for index in due)
        assert {product for product, state in states.items() if state == "due"} == {
            self.order.products[index] for index in due
        }


def purchase_sequence(billing: Harness, provider: FakeProvider, stripe_url: str) -> type[PurchaseSequence]:
    bound = {"billing": billing, "provider": provider, "shop": Shop(billing, stripe_url)}
    return type("BoundPurchaseSequence", (PurchaseSequence,), bound)


def test_every_purchase_ends_with_money_coins_and_shares_where_they_belong(
    billing: Harness, provider: FakeProvider, stripe_url: str
) -> None:
    run_state_machine_as_test(purchase_sequence(billing, provider, stripe_url), settings=SHORT_RUN)


@pytest.mark.full
@pytest.mark.real_servers
def test_every_long_sequence_ends_with_money_coins_and_shares_where_they_belong(
    billing: Harness, provider: FakeProvider, stripe_url: str
) -> None:
    run_state_machine_as_test(purchase_sequence(billing, provider, stripe_url), settings=LONG_RUN)
