"""Any sequence of payments, cancels, sales, pick-ups and returns, of events that come late, twice and out of order,
and of answers of the provider that get lost: coins and money balance at every step, and nothing is taken or given
back twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

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
from services.billing import (
    coins,
    ledger_check,
    money_check,
    order_payments,
    orders,
    payment_states,
    payments,
    provider_news,
    refunds,
)
from services.billing.card_provider import CardDeclined, ProviderUnavailable
from services.billing.models import MoneyEntry, Payment, Payout, Refund
from services.billing.provider_notices import Notice
from tests.integration.billing.bank import Bank
from tests.integration.billing.shop import Order, Shop
from tests.integration.billing.support import move_donation, new_id, settle_now
from tests.integration.billing.walks import LONG_WALK, SHORT_WALK
from tests.support.harness import Harness, user_id

PRICES = (4900, 1501, 99)
COINS = 9000
REFUSALS = (
    orders.OrderNotPayable,
    payments.AlreadyBeingPaid,
    payments.PaymentGivenUp,
    coins.NotEnoughCoins,
    CardDeclined,
    ProviderUnavailable,
)
WHERE = st.sampled_from(["before", "after", "nowhere"])
BEGINNINGS = ["placed", "authorized", "selling", "sold", "picked_up"]
SELDOM = st.sampled_from([False, False, True])
PICK_UP, FIRST = 20, 100


@dataclass
class News:
    """An event on its way to billing; it may come again after it came."""

    name: str
    deliver: Callable[[], None]


class PurchaseWalk(RuleBasedStateMachine):
    """One order, from its placing on. The rules do what customer and shopping do, which send events; others bring
    those in any order."""

    billing: Harness
    bank: Bank
    shop: Shop

    def __init__(self) -> None:
        super().__init__()
        self.bank.forget()
        with db.unit_of_work() as session:  # what an earlier walk left half way is not ours
            for kind in (Payment, Refund):
                session.execute(update(kind).values(settle_at=None))
            session.execute(delete(OutboxRow))
        self.order: Order = self.shop.order(prices=PRICES)
        self.shop.give_coins(self.order.buyer, COINS)
        self.donor, self.donation = new_id("donor"), new_id("dor")
        move_donation(self.billing, "deposited", order_id=self.donation, donor=self.donor)
        self.keys: list[str] = []
        self.waiting: list[News] = []
        self.came: list[News] = []
        self.hold = "active"  # shopping's decision
        self.returned: dict[str, int] = {}
        self.is_picked_up = self.is_completed = False

    @initialize(begins_at=st.sampled_from(BEGINNINGS), coins=st.booleans())
    def begin(self, begins_at: str, coins: bool) -> None:
        """Some walks begin on the way, so that they get far enough."""
        way = BEGINNINGS[: BEGINNINGS.index(begins_at) + 1]
        if "authorized" in way:
            self.keys.append(new_id("pay"))
            self._pay(self.keys[-1], None if coins else "pm_12345")
        if "selling" in way:
            self.shopping_decides()
        if "sold" in way:
            self._bring(self.waiting[0])
            settle_now()
            self.a_webhook_comes()
            assert self._is_paid()
        if "picked_up" in way:
            self.the_buyer_picks_up()

    # what buyers, customer and shopping do

    @precondition(lambda self: self.hold == "active")
    @rule(
        answer=st.sampled_from(["requires_capture", "requires_capture", "requires_action", "declined"]),
        loses=WHERE,
        again=st.booleans(),
    )
    def pay_by_card(self, answer: str, loses: str, again: bool) -> None:
        if not again or not self.keys:
            self.keys.append(new_id("pay"))
        self.bank.answers_with, self.bank.loses = answer, loses
        self._pay(self.keys[-1], "pm_12345")

    @precondition(lambda self: self.hold == "active")
    @rule()
    def pay_with_coins(self) -> None:
        self._pay(new_id("pay"), None)

    def _pay(self, key: str, card: str | None) -> None:
        method = "coins" if card is None else "card"
        with suppress(*REFUSALS), db.unit_of_work():
            order_payments.pay(self.order.id, user_id(self.order.buyer), key, method, card)
        self.bank.loses = "nowhere"

    @precondition(lambda self: self.hold == "active")
    @rule()
    def go_on_after_the_check(self) -> None:
        self.bank.authenticate()
        for key in self.keys[-1:]:
            with suppress(*REFUSALS), db.unit_of_work() as session:
                payment = session.get(Payment, key)
                if payment is not None:
                    payments.confirm_after_action(payment)

    @precondition(lambda self: self.hold == "active")
    @rule()
    def shopping_decides(self) -> None:
        """A hold is sold once an authorised payment was heard of, and lapses otherwise."""
        if self.hold != "active":
            return
        mine = [
            event
            for event in self.billing.published("billing.payment.authorized.v1")
            if event["order_id"] == self.order.id
        ]
        if mine:
            self.hold = "sold"
            self._send("sold", lambda: self.shop.sell(self.order))
            for place in range(2):
                self._send("product", lambda place=place: self.shop.product_sold(self.order, place, self.donation))

    @precondition(lambda self: self.hold == "active")
    @rule(is_time=SELDOM)
    def the_hold_lapses(self, is_time: bool) -> None:
        if self.hold == "active" and is_time:
            self.hold, self.order.state = "released", "expired"
            self._send("released", lambda: self.shop.release(self.order))
            expired = {"order_id": self.order.id, "buyer_id": user_id(self.order.buyer)}
            event = "customer.buying_order.expired.v1"
            self._send("expired", lambda: self.billing.deliver(event, expired))

    @precondition(lambda self: self.order.state == "placed" and not self.is_picked_up)
    @rule()
    def the_buyer_cancels(self) -> None:
        if self.order.state == "placed" and not self.is_picked_up:
            self.order.state = "cancelled"
            if self.hold == "active":
                self.hold = "released"
                self._send("released", lambda: self.shop.release(self.order))
            self._send("cancelled", lambda: self.shop.moved(self.order, "cancelled"))

    def _is_paid(self) -> bool:
        told = self.billing.published("billing.payment.captured.v1")
        return any(event["order_id"] == self.order.id for event in told)

    @precondition(lambda self: self.hold == "sold" and not self.is_picked_up)
    @rule()
    def the_buyer_picks_up(self) -> None:
        if self.order.state == "placed" and self._is_paid() and not self.is_picked_up:
            self.is_picked_up = True
            self._send("picked_up", lambda: self.shop.moved(self.order, "picked_up", is_first=True))

    @precondition(lambda self: self.is_picked_up and not self.is_completed)
    @rule(place=st.integers(0, 2), is_good=st.booleans())
    def a_product_comes_back(self, place: int, is_good: bool) -> None:
        product = self.order.products[place]
        if not self.is_picked_up or self.is_completed or product in self.returned:
            return
        return_id, refund = new_id("rbo"), PRICES[place] if is_good else PRICES[place] // 3
        self.returned[product] = refund
        state = "checked_good" if is_good else "refund_decided"
        self._send(state, lambda: self.shop.returned(self.order, state, [product], refund, return_id))

    @precondition(lambda self: self.is_picked_up and not self.is_completed)
    @rule(is_time=SELDOM)
    def the_window_closes(self, is_time: bool) -> None:
        if is_time and self.is_picked_up and not self.is_completed:
            self.is_completed = True
            kept = [product for product in self.order.products if product not in self.returned]
            self._send("completed", lambda: self.shop.moved(self.order, "completed", products=kept, is_first=True))

    # how it comes to billing

    def _send(self, name: str, deliver: Callable[[], None]) -> None:
        self.waiting.append(News(name, deliver))

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 20))
    def an_event_comes(self, which: int) -> None:
        if self.waiting:
            self._bring(self.waiting[which % len(self.waiting)])

    @precondition(lambda self: self.came)
    @rule(which=st.integers(0, 20))
    def an_event_comes_again(self, which: int) -> None:
        if self.came:
            self.came[which % len(self.came)].deliver()

    def _bring(self, news: News) -> None:
        try:
            news.deliver()
        except LookupError:  # too early: its message comes again
            return
        if news in self.waiting:
            self.waiting.remove(news)
        self.came.append(news)

    @rule(loses=WHERE, refuses=st.sampled_from(["nothing", "nothing", "capture", "refund"]))
    def settle(self, loses: str, refuses: str) -> None:
        self.bank.loses, self.bank.refuses = loses, refuses
        settle_now()
        self.bank.loses, self.bank.refuses = "nowhere", "nothing"

    @rule()
    def customer_hears_that_the_sale_is_not_paid(self) -> None:
        told = self.billing.published("billing.payment.voided.v1")
        not_paid = [one for one in told if one["reason_code"] == payments.SALE_NOT_PAID]
        if self.order.state == "placed" and any(one["order_id"] == self.order.id for one in not_paid):
            self.order.state = "cancelled"
            self._send("cancelled", lambda: self.shop.moved(self.order, "cancelled"))

    @rule()
    def staff_replace_what_the_bank_refused(self) -> None:
        with db.unit_of_work() as session:
            replaced = select(Refund.replaces).where(Refund.replaces.is_not(None))
            mine = select(Refund.id).where(Refund.order_id == self.order.id, Refund.state == "failed")
            for refund_id in session.scalars(mine.where(Refund.id.not_in(replaced))).all():
                refunds.replace(refund_id, None)

    @rule()
    def a_webhook_comes(self) -> None:
        for intent in self.bank.intents.values():
            if intent.status == "succeeded":
                self._notify(intent.id, intent.amount)

    @staticmethod
    def _notify(intent_id: str, amount: int) -> None:
        with db.unit_of_work():
            provider_news.take_notice(Notice(new_id("evt"), "payment_intent.succeeded", intent_id, amount, "EUR"))

    # what holds

    @invariant()
    def the_ledgers_balance(self) -> None:
        with db.unit_of_work(reads_only=True):
            assert [*ledger_check.faults(), *money_check.faults()] == []

    @invariant()
    def a_buyer_pays_at_most_once(self) -> None:
        balance, debt = self._coins()
        spent = COINS - balance + debt
        assert self.bank.kept() >= 0
        assert self.bank.kept() + max(spent, 0) <= self.order.total + PICK_UP + FIRST

    @invariant()
    def a_refund_is_told_once(self) -> None:
        with db.unit_of_work(reads_only=True) as session:
            told = select(OutboxRow.subject).where(OutboxRow.type == "billing.refund.completed.v1")
            subjects = session.scalars(told).all()
        assert len(subjects) == len(set(subjects))

    def _coins(self) -> tuple[int, int]:
        return self.shop.balance(self.order.buyer)

    def teardown(self) -> None:
        """When every event came and the provider answered all, each has what is theirs."""
        self.bank.loses, self.bank.answers_with = "nowhere", "requires_capture"
        self._shopping_and_customer_finish()
        for _ in range(4):
            for news in list(self.waiting):
                self._bring(news)
            settle_now()
            self.customer_hears_that_the_sale_is_not_paid()
            self.staff_replace_what_the_bank_refused()
        assert [news.name for news in self.waiting] == []
        self._has_paid_what_was_kept()
        self._has_the_rewards_of_what_was_kept()
        self._owes_the_donor_what_was_kept()
        self.the_ledgers_balance()

    def _shopping_and_customer_finish(self) -> None:
        self.go_on_after_the_check()
        self.shopping_decides()
        self.the_hold_lapses(True)

    def _given(self) -> int:
        """What the buyer owes for the order in the end."""
        is_sold = self.hold == "sold" and self.order.state == "placed"
        return self.order.total - sum(self.returned.values()) if is_sold else 0

    def _has_paid_what_was_kept(self) -> None:
        with db.unit_of_work(reads_only=True):
            payment = payment_states.taken_payment_of(self.order.id)
        in_coins = payment is not None and payment.method == "coins"
        expected = self._given()
        balance, debt = self._coins()
        paid_in_coins = COINS + self._rewards() - balance + debt
        assert self.bank.kept() == (0 if in_coins else expected)
        assert paid_in_coins == (expected if in_coins else 0)
        assert not [intent for intent in self.bank.intents.values() if intent.status == "requires_capture"]

    def _rewards(self) -> int:
        if not self.is_picked_up:
            return 0
        earned = PICK_UP + FIRST
        back = sum(PRICES[self.order.products.index(product)] for product in self.returned)
        return 0 if len(self.returned) == len(PRICES) else earned - earned * back // self.order.total

    def _has_the_rewards_of_what_was_kept(self) -> None:
        with db.unit_of_work(reads_only=True):
            kept = coins.earned_by(self.order.id) - coins.taken_back_of(self.order.id)
        assert kept == self._rewards()

    def _owes_the_donor_what_was_kept(self) -> None:
        with db.unit_of_work(reads_only=True) as session:
            rows = session.execute(select(Payout.product_id, Payout.state).where(Payout.order_id == self.donation))
            states = dict(rows.all())
            account = MoneyEntry.account == f"donors.{user_id(self.donor)}"
            owed = -int(session.scalar(select(func.coalesce(func.sum(MoneyEntry.amount), 0)).where(account)) or 0)
        kept = [place for place in range(2) if self.order.products[place] not in self.returned]
        due = [place for place in kept if self.is_completed]
        assert owed == sum((PRICES[place] * 40 + 50) // 100 for place in due)
        assert {product for product, state in states.items() if state == "due"} == {
            self.order.products[place] for place in due
        }


def walk_at(billing: Harness, bank: Bank, stripe_url: str) -> type[PurchaseWalk]:
    here = {"billing": billing, "bank": bank, "shop": Shop(billing, stripe_url)}
    return type("PurchaseWalkHere", (PurchaseWalk,), here)


def test_every_purchase_ends_with_everybody_having_what_is_theirs(
    billing: Harness, bank: Bank, stripe_url: str
) -> None:
    run_state_machine_as_test(walk_at(billing, bank, stripe_url), settings=SHORT_WALK)


@pytest.mark.full
@pytest.mark.real_servers
def test_every_purchase_ends_that_way_on_long_walks(billing: Harness, bank: Bank, stripe_url: str) -> None:
    run_state_machine_as_test(walk_at(billing, bank, stripe_url), settings=LONG_WALK)
