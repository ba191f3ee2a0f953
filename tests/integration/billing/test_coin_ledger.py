"""The coin ledger balances under concurrency and in any sequence of movements, on both databases."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from libs.chassis import clock, db
from services.billing.coins import accounts, coin_ledger
from services.billing.coins.tables import CoinEntry, CoinRecord
from services.billing.ledger import coin_check
from services.billing.ledger.jobs import FAULTS, check_ledgers
from services.billing.ledger.tables import LedgerCheck
from tests.integration.billing.stateful import LONG_RUN, SHORT_RUN
from tests.integration.billing.support import DONATION, change_donation, new_id
from tests.support.harness import Harness, user_id

REASONS = {"deposit": 50, "first_donation": 100, "story": 30, "checked_bad": 20}
ORDERS = [f"dor_{number:032x}" for number in range(1, 4)]
AMOUNTS = st.integers(min_value=1, max_value=200)


def balance_of(person: str) -> tuple[int, int]:
    with db.unit_of_work(reads_only=True):
        return accounts.get_balance(person)


def faults() -> list[str]:
    with db.unit_of_work(reads_only=True):
        return list(coin_check.find_faults())


def retrying(call: Callable[[], None]) -> None:
    """Repeat a call that failed, as a message is delivered again."""
    for attempt in range(20):
        try:
            call()
            return
        except Exception:
            time.sleep(random.uniform(0.01, 0.05) * (attempt + 1))
    call()


@pytest.mark.real_servers
def test_concurrent_rewards_and_take_backs_leave_a_balanced_ledger(billing: Harness) -> None:
    """50 threads, ten donations of one person: each is deposited four times, and five are cancelled twice."""
    donations = [f"dor_{number:032x}" for number in range(10)]
    moves = [(order, "deposited", 0) for order in donations for _ in range(4)]
    moves += [(order, "cancelled", 1) for order in donations[:5] for _ in range(2)]
    random.Random(4).shuffle(moves)

    def deliver(move: tuple[str, str, int]) -> None:
        order, state, minute = move
        retrying(
            lambda: change_donation(billing, state, order_id=order, minute=minute, has_story=True, is_first=True)
        )

    assert len(moves) == 50
    with ThreadPoolExecutor(50) as pool:
        list(pool.map(deliver, moves))
    assert faults() == []
    assert balance_of(user_id("ines")) == (5 * 180, 0)
    with db.unit_of_work(reads_only=True) as session:
        counts = Counter(session.execute(select(CoinRecord.order_id, CoinRecord.reason)).tuples())
        assert set(counts.values()) == {1}
        for order in donations[5:]:
            assert {reason for order_id, reason in counts if order_id == order} == {
                "deposit",
                "first_donation",
                "story",
            }
    assert len(billing.published("billing.coins.recorded.v1")) == sum(counts.values())


@pytest.mark.real_servers
def test_concurrent_spending_never_exceeds_the_balance(billing: Harness) -> None:
    person = new_id("usr")
    with db.unit_of_work():
        coin_ledger.reward(person, DONATION, "deposit", 100)

    def spend(number: int) -> bool:
        done: list[bool] = []

        def once() -> None:
            try:
                with db.unit_of_work():
                    coin_ledger.spend(person, 30, key=f"spent:{number}", order_id=DONATION)
                done.append(True)
            except coin_ledger.NotEnoughCoins:
                done.append(False)

        retrying(once)
        return done[-1]

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(spend, range(20))) == 3
    assert balance_of(person) == (10, 0)
    assert faults() == []


@pytest.mark.real_servers
def test_concurrent_first_rewards_open_each_account_once(billing: Harness) -> None:
    people = [new_id("usr") for _ in range(5)]

    def reward(number: int) -> None:
        def once() -> None:
            with db.unit_of_work():
                coin_ledger.reward(people[number % 5], f"dor_{number:032x}", "deposit", 10)

        retrying(once)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(reward, range(20)))
    assert [balance_of(person) for person in people] == [(40, 0)] * 5
    assert faults() == []


class CoinLedgerSequence(RuleBasedStateMachine):
    """Any sequence of rewards, take-backs, assigned coins, spending and refunds of one person, with duplicates,
    compared with a simple model."""

    def __init__(self) -> None:
        super().__init__()
        self.person = new_id("usr")
        self.orders = [new_id("dor") for _ in range(3)]
        self.balance = self.debt = 0
        self.earned: dict[tuple[str, str], int] = {}
        self.ended: set[str] = set()
        self.spent: dict[str, int] = {}
        self.refunded: set[str] = set()

    def credit(self, amount: int) -> None:
        """Incoming coins pay the debt first."""
        paid = min(self.debt, amount)
        self.debt -= paid
        self.balance += amount - paid

    @rule(which=st.integers(0, 2), reason=st.sampled_from(sorted(REASONS)), amount=AMOUNTS, times=st.integers(1, 3))
    def reward(self, which: int, reason: str, amount: int, times: int) -> None:
        order = self.orders[which]
        for _ in range(times):
            with db.unit_of_work():
                coin_ledger.reward(self.person, order, reason, amount)
        if (order, reason) not in self.earned:
            self.earned[order, reason] = amount
            self.credit(amount)

    @rule(which=st.integers(0, 2), times=st.integers(1, 2))
    def take_back(self, which: int, times: int) -> None:
        order = self.orders[which]
        total = sum(amount for (order_id, _), amount in self.earned.items() if order_id == order)
        for _ in range(times if total else 0):
            with db.unit_of_work():
                coin_ledger.take_back(self.person, coin_ledger.sum_earned(order), order_id=order)
        if total and order not in self.ended:
            self.ended.add(order)
            from_wallet = min(self.balance, total)
            self.balance -= from_wallet
            self.debt += total - from_wallet

    @rule(amount=AMOUNTS, times=st.integers(1, 2))
    def assign(self, amount: int, times: int) -> None:
        record_id = new_id("crc")
        with db.unit_of_work():
            accounts.open_accounts(self.person)
        for _ in range(times):
            with db.unit_of_work():
                coin_ledger.assign(self.person, amount, record_id=record_id, note="gift", assigned_by="usr_manager")
        self.credit(amount)

    @precondition(lambda self: self.balance)
    @rule(times=st.integers(1, 2))
    def spend_all(self, times: int) -> None:
        """Coins taken back after this become a debt."""
        self._spend(self.balance, times)

    @rule(amount=AMOUNTS, times=st.integers(1, 2))
    def spend(self, amount: int, times: int) -> None:
        self._spend(amount, times)

    def _spend(self, amount: int, times: int) -> None:
        fee = new_id("fee")
        for _ in range(times):
            try:
                with db.unit_of_work():
                    coin_ledger.spend(self.person, amount, key=f"spent:{fee}", order_id=self.orders[0])
            except coin_ledger.NotEnoughCoins:
                assert self.balance < amount
                return
        self.spent[fee] = amount
        self.balance -= amount

    @rule(data=st.data(), times=st.integers(1, 2))
    def refund(self, data: st.DataObject, times: int) -> None:
        unrefunded = sorted(self.spent.keys() - self.refunded)
        if not unrefunded:
            return
        fee = data.draw(st.sampled_from(unrefunded))
        for _ in range(times):
            with db.unit_of_work():
                coin_ledger.refund(self.person, self.spent[fee], key=f"refunded:{fee}", order_id=self.orders[0])
        self.refunded.add(fee)
        self.credit(self.spent[fee])

    @invariant()
    def balances_match_the_model(self) -> None:
        assert balance_of(self.person) == (self.balance, self.debt)
        assert self.balance >= 0
        assert self.balance == 0 or self.debt == 0

    def teardown(self) -> None:
        assert faults() == []


class DonationSequence(RuleBasedStateMachine):
    """Events of donations in any order, with duplicates: a donation earns what its events say, and nothing once it
    is cancelled or returned, whichever event came first."""

    billing: Harness

    def __init__(self) -> None:
        super().__init__()
        self.name = new_id("person")
        self.orders = {new_id("dor"): (bool(number & 1), bool(number & 2)) for number in range(3)}
        self.received: dict[str, set[str]] = {order: set() for order in self.orders}

    @rule(
        which=st.integers(0, 2),
        state=st.sampled_from(["submitted", "deposited", "cancelling", "cancelled", "checked_bad", "returned"]),
        minute=st.integers(0, 5),
        times=st.integers(1, 2),
    )
    def move(self, which: int, state: str, minute: int, times: int) -> None:
        order = list(self.orders)[which]
        has_story, is_first = self.orders[order]
        for _ in range(times):
            change_donation(
                self.billing,
                state,
                order_id=order,
                donor=self.name,
                minute=minute,
                has_story=has_story,
                is_first=is_first,
            )
        self.received[order].add(state)

    @invariant()
    def coins_match_the_events(self) -> None:
        assert balance_of(user_id(self.name)) == (sum(map(self._expected_coins, self.orders)), 0)

    def _expected_coins(self, order: str) -> int:
        states, (has_story, is_first) = self.received[order], self.orders[order]
        if states & {"cancelled", "returned"}:
            return 0
        deposit = 50 + (30 if has_story else 0) + (100 if is_first else 0)
        return (deposit if "deposited" in states else 0) + (20 if "checked_bad" in states else 0)

    def teardown(self) -> None:
        assert faults() == []


def test_the_coin_ledger_balances_in_short_sequences(billing: Harness) -> None:
    run_state_machine_as_test(CoinLedgerSequence, settings=SHORT_RUN)


def test_rewards_do_not_depend_on_the_order_of_events(billing: Harness) -> None:
    run_state_machine_as_test(donation_sequence(billing), settings=SHORT_RUN)


@pytest.mark.full
@pytest.mark.real_servers
def test_the_coin_ledger_balances_in_long_sequences(billing: Harness) -> None:
    run_state_machine_as_test(CoinLedgerSequence, settings=LONG_RUN)


@pytest.mark.full
@pytest.mark.real_servers
def test_rewards_do_not_depend_on_the_order_of_many_events(billing: Harness) -> None:
    run_state_machine_as_test(donation_sequence(billing), settings=LONG_RUN)


def donation_sequence(billing: Harness) -> type[DonationSequence]:
    return type("BoundDonationSequence", (DonationSequence,), {"billing": billing})


@pytest.mark.parametrize("table", ["coin_records", "coin_entries"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET coins = coins + 1", "DELETE FROM {}"])
@pytest.mark.real_servers
def test_the_database_refuses_to_change_ledger_rows(billing: Harness, table: str, statement: str) -> None:
    change_donation(billing, "deposited")
    with pytest.raises(DBAPIError, match="cannot be changed"), db.unit_of_work() as session:
        session.execute(text(statement.format(table)))
    assert balance_of(user_id("ines")) == (50, 0)


@pytest.mark.parametrize(("kind", "balance"), [("wallet", -1), ("debt", 1)])
@pytest.mark.real_servers
def test_the_database_refuses_impossible_balances(billing: Harness, kind: str, balance: int) -> None:
    change_donation(billing, "deposited")
    change = text("UPDATE coin_accounts SET balance = :balance WHERE kind = :kind")
    with pytest.raises(DBAPIError), db.unit_of_work() as session:
        session.execute(change, {"balance": balance, "kind": kind})


def at(hour: int, day: int = 24) -> datetime:
    return datetime.fromisoformat(f"2026-11-{day}T{hour:02d}:05:00+00:00")


def check_at(time: datetime) -> list[str] | None:
    """Run the job of the nightly check; the faults that it stored, None when no check was due."""
    with clock.freeze(time), db.unit_of_work() as session:
        is_known = session.get(LedgerCheck, time.date().isoformat()) is not None
        check_ledgers()
        check = session.get(LedgerCheck, time.date().isoformat())
        return None if is_known or check is None else list(check.faults)


def test_the_ledger_is_checked_once_a_night(billing: Harness) -> None:
    change_donation(billing, "deposited")
    assert check_at(at(2)) is None
    assert check_at(at(3)) == []
    assert check_at(at(4)) is None
    assert check_at(at(9, day=25)) == []
    with db.unit_of_work(reads_only=True) as session:
        assert list(session.scalars(select(LedgerCheck.day).order_by(LedgerCheck.day))) == [
            "2026-11-24",
            "2026-11-25",
        ]


CORRUPTIONS = {
    "a wrong balance": "UPDATE coin_accounts SET balance = balance + 1 WHERE kind = 'wallet'",
    "an additional entry": "INSERT INTO coin_entries (record_id, account_id, coins) "
    "SELECT id, 'house.spending', 5 FROM coin_records",
    "a debt of a wallet with coins": "UPDATE coin_accounts SET balance = balance - 1 WHERE kind = 'debt'",
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
@pytest.mark.real_servers
def test_the_nightly_check_finds_a_corrupted_coin_ledger_and_raises_the_alarm(
    billing: Harness, corruption: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change_donation(billing, "deposited")
    with db.unit_of_work() as session:
        session.execute(text(CORRUPTIONS[corruption]))
    alarms = FAULTS._value.get()
    faults_found = check_at(at(3))
    assert faults_found
    assert "the ledgers do not add up" in capsys.readouterr().out
    assert FAULTS._value.get() == alarms + len(faults_found)
    with db.unit_of_work(reads_only=True) as session:
        assert session.get_one(LedgerCheck, "2026-11-24").faults == faults_found


def test_the_house_account_balances_the_wallets(billing: Harness) -> None:
    for order in ORDERS:
        change_donation(billing, "deposited", order_id=order)
    with db.unit_of_work(reads_only=True) as session:
        given = select(func.sum(CoinEntry.coins)).where(CoinEntry.account_id == coin_ledger.REWARDS)
        assert session.scalar(given) == -150
