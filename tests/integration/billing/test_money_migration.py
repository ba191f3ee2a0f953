"""What was paid, given back and owed before there were refunds and a money ledger is carried over, and adds up."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import create_engine, pool, text

from libs.chassis import db
from libs.chassis.migrations import migrate
from services.billing import money_check
from tests.integration.billing.support import new_id, variables
from tests.support.harness import running

PAYMENT = (
    "INSERT INTO payments (id, order_id, live_order_id, buyer_id, state, method, amount, currency, `lines`, fee_id,"
    " coins, created_at, changed_at, captured_at, version) VALUES (:id, :order_id, NULL, 'usr_1', :state, :method,"
    " 300, 'EUR', '[]', :fee_id, :coins, :at, :at, :at, 1)"
)
PAYOUT = (
    "INSERT INTO payouts (id, person_id, order_id, product_id, buying_order_id, state, price, share_percent,"
    " amount, currency, created_at, version)"
    " VALUES ('pyo_1', 'usr_2', 'dor_1', 'prd_1', 'bor_1', 'due', 100, 40, 40, 'EUR', :at, 1)"
)
AT = "2026-01-02 03:04:05.000000"


@pytest.mark.real_servers
def test_old_payments_refunds_and_shares_are_in_the_ledger(empty_database_url: str, stripe_url: str) -> None:
    migrate("billing", empty_database_url, "0002")
    engine = create_engine(empty_database_url, poolclass=pool.NullPool)
    with engine.begin() as connection:
        for state, method, fee in (
            ("captured", "card", None),
            ("refunded", "card", "fee_1"),
            ("refunding", "card", "fee_2"),
            ("refunded", "coins", "fee_3"),
        ):
            row: dict[str, Any] = {"id": new_id("pay"), "order_id": new_id("bor"), "state": state, "method": method}
            row |= {"fee_id": fee, "coins": 300 if method == "coins" else None, "at": AT}
            connection.execute(text(PAYMENT), row)
        connection.execute(text(PAYOUT), {"at": AT})
    migrate("billing", empty_database_url)
    with running("billing", variables(empty_database_url, stripe_url)), db.unit_of_work(reads_only=True) as session:
        assert list(money_check.faults()) == []
        refunds = session.execute(text("SELECT unique_key, state, amount FROM refunds ORDER BY unique_key"))
        assert [tuple(row) for row in refunds] == [
            ("fee:fee_1", "made", 300),
            ("fee:fee_2", "pending", 300),
            ("fee:fee_3", "made", 300),
        ]
        accounts = ("house.provider", "house.fees", "donors.usr_2")
        assert [money_check.balance_of(account, "EUR") for account in accounts] == [600, -300, -40]
