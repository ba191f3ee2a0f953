"""The money ledger: its rows are immutable, and the nightly check finds corrupted ones."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from libs.chassis import clock, db
from services.billing.ledger import money_check
from services.billing.ledger.jobs import check_ledgers
from services.billing.ledger.tables import LedgerCheck, MoneyEntry, MoneyRecord
from services.billing.payments.tables import Payment
from services.billing.payouts.tables import Payout
from services.billing.refunds.tables import Refund
from tests.integration.billing.shop import Shop
from tests.integration.billing.support import DONATION, change_donation, settle_now
from tests.support.harness import Harness

NIGHT = datetime.fromisoformat("2026-11-25T04:00:00+00:00")


@pytest.fixture
def shop(billing: Harness, stripe_url: str) -> Shop:
    """A sale of 64.01, of which 15.01 are refunded and 19.60 are owed to the donor."""
    shop = Shop(billing, stripe_url)
    change_donation(billing, "deposited")
    order = shop.order()
    shop.pay(order)
    shop.sell(order)
    settle_now()
    settle_now()
    shop.product_sold(order, 0, DONATION)
    shop.change_return(order, "checked_good", order.products[1:], 1501)
    settle_now()
    shop.change_order(order, "completed", products=order.products[:1])
    return shop


def faults() -> list[str]:
    with db.unit_of_work(reads_only=True):
        return list(money_check.find_faults())


@pytest.mark.real_servers
def test_every_movement_is_a_record_that_sums_to_zero(shop: Shop) -> None:
    assert faults() == []
    with db.unit_of_work(reads_only=True) as session:
        assert sorted(session.scalars(select(MoneyRecord.kind))) == ["captured", "refunded", "share_due"]
        accounts = ("house.provider", "house.sales", "house.shares")
        assert [money_check.get_balance(account, "EUR") for account in accounts] == [4900, -4900, 1960]
        assert sum(session.scalars(select(MoneyEntry.amount))) == 0


@pytest.mark.real_servers
def test_the_database_refuses_to_change_ledger_rows(shop: Shop) -> None:
    for change in (
        "UPDATE money_entries SET amount = amount + 1",
        "DELETE FROM money_entries",
        "UPDATE money_records SET kind = 'x'",
        "DELETE FROM money_records",
    ):
        with pytest.raises(DBAPIError, match="cannot be changed"), db.unit_of_work() as session:
            session.execute(text(change))
    assert faults() == []


@pytest.mark.real_servers
def test_the_database_refuses_refunds_above_the_payment(shop: Shop) -> None:
    with pytest.raises((IntegrityError, DBAPIError)), db.unit_of_work() as session:
        session.execute(update(Payment).values(refunded=Payment.amount + 1))


def _insert_unbalanced_record() -> None:
    with db.unit_of_work() as session:
        record = MoneyRecord(
            id="mrc_1", unique_key="x", kind="captured", subject_id="pay_0", currency="EUR", created_at=NIGHT
        )
        session.add(record)
        session.flush()
        session.add(MoneyEntry(record_id="mrc_1", account="house.provider", amount=5))


@pytest.mark.real_servers
def test_the_nightly_check_finds_a_corrupted_money_ledger(shop: Shop) -> None:
    with db.unit_of_work() as session:
        for corruption in (
            update(Payment).values(amount=6402, refunded=0),
            update(Refund).values(state="pending"),
            update(Payout).values(state="paid"),
        ):
            session.execute(corruption)
    _insert_unbalanced_record()
    with clock.freeze(NIGHT), db.unit_of_work() as session:
        check_ledgers()
        faults_found = session.get_one(LedgerCheck, "2026-11-25").faults
    without_ids = [
        " ".join(word for word in fault.split() if "_" not in word or word == "mrc_1:") for fault in faults_found
    ]
    assert sorted(without_ids) == [
        "money record has no payment, refund or payout",
        "money record mrc_1: 1 entries, sum 5",
        "payment 0 refunded, the sum of its refunds is 1501",
        "payment 6402 expected in the ledger, 6401 found",
        "payout 0 expected in the ledger, -1960 found",
        "refund 0 expected in the ledger, -1501 found",
    ]
    with db.unit_of_work(reads_only=True) as session:
        assert session.get_one(LedgerCheck, "2026-11-25").faults == faults_found
