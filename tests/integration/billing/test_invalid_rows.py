"""An invalid row does not affect others: lists omit it, and jobs continue and report it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import insert, select, text

from libs.chassis import db
from libs.chassis.clock import now
from services.billing.coins.tables import CoinRecord
from services.billing.coupons.codes import new_code
from services.billing.coupons.jobs import expire_coupons
from services.billing.coupons.tables import Coupon
from services.billing.fees.tables import Fee
from services.billing.payments.tables import Payment
from services.billing.payouts.tables import Payout
from services.billing.provider import stripe_client
from services.billing.provider.stripe_client import Intent
from services.billing.reconciliation import jobs
from services.billing.reconciliation.tables import PaymentDiscrepancy
from services.billing.refunds.tables import Refund
from services.billing.settlement.jobs import settle_with_provider
from tests.integration.billing.fake_provider import FakeProvider
from tests.integration.billing.support import new_id
from tests.support.harness import Harness, user_id

INES = user_id("ines")
SCOPES = (
    "billing:payments billing:payments:monitor billing:fees billing:rewards billing:coupons:read "
    "billing:payouts:read billing:reconciliation:read"
)


def payment(**changes: Any) -> dict[str, Any]:
    order = new_id("bor")
    row = {
        "id": new_id("pay"),
        "order_id": order,
        "live_order_id": order,
        "buyer_id": INES,
        "state": "captured",
        "method": "card",
        "amount": 4900,
        "currency": "EUR",
        "lines": [],
        "refunded": 0,
        "attempt": 1,
        "created_at": now(),
        "changed_at": now(),
        "captured_at": now(),
        "version": 1,
    }
    return row | changes


def refund(payment_id: str, **changes: Any) -> dict[str, Any]:
    row = {
        "id": new_id("rfd"),
        "unique_key": new_id("key"),
        "payment_id": payment_id,
        "order_id": new_id("bor"),
        "buyer_id": INES,
        "reason": "returned",
        "state": "completed",
        "method": "card",
        "amount": 100,
        "currency": "EUR",
        "attempt": 1,
        "created_at": now(),
        "completed_at": now(),
        "version": 1,
    }
    return row | changes


def fee(**changes: Any) -> dict[str, Any]:
    row = {
        "id": new_id("fee"),
        "kind": "delivery",
        "order_id": new_id("rdo"),
        "payer_id": INES,
        "state": "due",
        "amount": 450,
        "currency": "EUR",
        "coins": 450,
        "created_at": now(),
        "changed_at": now(),
        "version": 1,
    }
    return row | changes


def coupon(**changes: Any) -> dict[str, Any]:
    row = {
        "id": new_id("cpn"),
        "unique_key": new_id("key"),
        "code": new_code(),
        "person_id": INES,
        "state": "issued",
        "amount": 500,
        "currency": "EUR",
        "issued_at": now(),
        "valid_until": now() + timedelta(days=1),
        "version": 1,
    }
    return row | changes


def payout(**changes: Any) -> dict[str, Any]:
    row = {
        "id": new_id("pyo"),
        "person_id": INES,
        "order_id": new_id("dor"),
        "product_id": new_id("prd"),
        "buying_order_id": new_id("bor"),
        "state": "due",
        "price": 4900,
        "share_percent": 40,
        "amount": 1960,
        "currency": "EUR",
        "created_at": now(),
        "version": 1,
    }
    return row | changes


def coin_record(**changes: Any) -> dict[str, Any]:
    row = {
        "id": new_id("crc"),
        "unique_key": new_id("key"),
        "person_id": INES,
        "reason": "deposit",
        "coins": 50,
        "balance_after": 50,
        "debt_after": 0,
        "created_at": now(),
    }
    return row | changes


def discrepancy(**changes: Any) -> dict[str, Any]:
    row = {
        "id": new_id("pdc"),
        "unique_key": new_id("key"),
        "kind": "dispute",
        "state": "open",
        "subject": "dp_1",
        "detail": "the buyer disputed 49.00 EUR",
        "found_at": now(),
    }
    return row | changes


def insert_rows(model: Any, *rows: dict[str, Any]) -> None:
    with db.unit_of_work() as session:
        for row in rows:
            session.execute(insert(model).values(**row))


def omitted(table: str) -> float:
    return REGISTRY.get_sample_value("reclothes_rows_omitted_total", {"table": table}) or 0


LISTS: list[tuple[str, Any, Callable[..., dict[str, Any]], dict[str, Any]]] = [
    ("payments", Payment, payment, {"currency": "???"}),
    ("monitored-payments", Payment, payment, {"state": "no such state"}),
    ("fees", Fee, fee, {"amount": -1}),
    ("coupons", Coupon, coupon, {"code": "no code"}),
    ("monitored-coupons", Coupon, coupon, {"state": "no state"}),
    ("payouts", Payout, payout, {"share_percent": 4000}),
    ("monitored-payouts", Payout, payout, {"currency": "QQQ"}),
    ("coin-records", CoinRecord, coin_record, {"reason": "no reason"}),
    ("payment-discrepancies", PaymentDiscrepancy, discrepancy, {"state": "lost"}),
]


@pytest.mark.parametrize(("path", "model", "row", "broken"), LISTS, ids=[path for path, *_ in LISTS])
def test_a_list_omits_an_invalid_row(
    billing: Harness, path: str, model: Any, row: Callable[..., dict[str, Any]], broken: dict[str, Any]
) -> None:
    rows = [row(), row(**broken), row()]
    insert_rows(model, *rows)
    before = omitted(model.__tablename__)
    staff = path.startswith(("monitored", "payment-discrepancies"))
    client = billing.as_user("ines", SCOPES, "internal" if staff else "customer")
    response = client("GET", f"/billing/v1/{path}")
    assert response.status_code == 200, response.text
    assert {item["id"] for item in response.json()["items"]} == {rows[0]["id"], rows[2]["id"]}
    assert omitted(model.__tablename__) == before + 1


def test_a_list_of_refunds_omits_an_invalid_row(billing: Harness) -> None:
    paid = payment()
    rows = [refund(paid["id"]), refund(paid["id"], reason="no reason"), refund(paid["id"])]
    insert_rows(Payment, paid)
    insert_rows(Refund, *rows)
    for path, kind in (("refunds", "customer"), ("monitored-refunds", "internal")):
        items = billing.as_user("ines", SCOPES, kind)("GET", f"/billing/v1/{path}").json()["items"]
        assert {item["id"] for item in items} == {rows[0]["id"], rows[2]["id"]}


def test_pages_continue_after_an_unreadable_row(billing: Harness) -> None:
    rows = [payment(created_at=now() + timedelta(seconds=number)) for number in range(4)]
    insert_rows(Payment, *rows)
    with db.unit_of_work() as session:
        session.execute(text("UPDATE payments SET next_action = '{' WHERE id = :id"), {"id": rows[2]["id"]})
    client = billing.as_user("ines", SCOPES)
    first = client("GET", "/billing/v1/payments", params={"limit": 2}).json()
    second = client("GET", "/billing/v1/payments", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    ids = [item["id"] for item in first["items"] + second["items"]]
    assert ids == [rows[number]["id"] for number in (3, 1, 0)]


def failures(job: str) -> float:
    return REGISTRY.get_sample_value("reclothes_job_items_failed_total", {"job": job}) or 0


def corrupt(statement: str, row_id: str) -> None:
    with db.unit_of_work() as session:
        session.execute(text(statement), {"id": row_id})


def get_state(model: Any, row_id: str) -> str:
    with db.unit_of_work(reads_only=True) as session:
        return str(session.scalar(select(model.state).where(model.id == row_id)))


@pytest.mark.usefixtures("billing")
def test_settlement_continues_after_an_unreadable_payment(provider: FakeProvider) -> None:
    rows = [
        payment(state="voiding", provider_intent_id=f"pi_{number}", settle_at=now() - timedelta(seconds=9 - number))
        for number in range(2)
    ]
    insert_rows(Payment, *rows)
    for number in range(2):
        provider.intents[str(number)] = Intent(f"pi_{number}", "requires_capture", 4900, "EUR", None, None)
    corrupt("UPDATE payments SET next_action = '{' WHERE id = :id", rows[0]["id"])
    before = failures("settle_with_provider")
    for _ in range(2):
        settle_with_provider()
    assert [get_state(Payment, row["id"]) for row in rows] == ["voiding", "voided"]
    assert failures("settle_with_provider") == before + 1, "it waits before it is tried again"


@pytest.mark.usefixtures("billing")
def test_settlement_continues_after_a_refund_that_cannot_be_settled(provider: FakeProvider) -> None:
    paid = payment(provider_intent_id="pi_1", refunded=200)
    rows = [refund(paid["id"], state="pending", settle_at=now() - timedelta(seconds=9)) for _ in range(2)]
    rows[0] |= {"payment_id": (without_intent := payment(refunded=100))["id"]}
    insert_rows(Payment, paid, without_intent)
    insert_rows(Refund, *rows)
    provider.intents["1"] = Intent("pi_1", "succeeded", 4900, "EUR", None, None)
    settle_with_provider()
    assert [get_state(Refund, row["id"]) for row in rows] == ["pending", "completed"]


@pytest.mark.usefixtures("billing")
def test_reconciliation_continues_after_an_unreadable_payment(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = now() - timedelta(minutes=30)
    rows = [payment(state="authorized", provider_intent_id=f"pi_{n}", created_at=since) for n in range(2)]
    rows.append(payment(state="capturing", settle_at=now(), changed_at=now() - timedelta(hours=2)))
    rows.append(payment(state="capturing", settle_at=now(), changed_at=now() - timedelta(hours=2)))
    insert_rows(Payment, *rows)
    intents = [Intent(f"pi_{n}", "requires_capture", 4901, "EUR", None, None) for n in range(2)]
    provider.intents = {str(n): intent for n, intent in enumerate(intents)}
    monkeypatch.setattr(stripe_client, "list_refunds", lambda *_: ([], False))
    kinds = tuple(replace(kind, list_page=lambda *_: ([], False)) for kind in jobs.KINDS)
    monkeypatch.setattr(jobs, "KINDS", (replace(kinds[0], list_page=lambda *_: (intents, False)), kinds[1]))
    for broken in (rows[0], rows[2]):
        corrupt("UPDATE payments SET next_action = '{' WHERE id = :id", broken["id"])
    jobs.reconcile_with_provider()
    with db.unit_of_work(reads_only=True) as session:
        discrepancies = session.execute(select(PaymentDiscrepancy.kind, PaymentDiscrepancy.subject)).all()
    assert set(map(tuple, discrepancies)) == {("amount_differs", rows[1]["id"]), ("not_settled", rows[3]["id"])}


@pytest.mark.usefixtures("billing")
def test_expiring_continues_after_an_unreadable_coupon() -> None:
    rows = [coupon(valid_until=now() - timedelta(hours=9 - number)) for number in range(2)]
    insert_rows(Coupon, *rows)
    corrupt("UPDATE coupons SET issued_at = 'no time' WHERE id = :id", rows[0]["id"])
    before = failures("expire_coupons")
    expire_coupons()
    assert [get_state(Coupon, row["id"]) for row in rows] == ["issued", "expired"]
    assert failures("expire_coupons") == before + 1
