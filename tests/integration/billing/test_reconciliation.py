"""Reconciliation with the provider: what was missed is settled, what a person must decide is reported."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from libs.chassis import clock, db
from libs.chassis.clock import now
from services.billing.payments.tables import Payment
from services.billing.provider import stripe_client
from services.billing.reconciliation import jobs, payment_discrepancies
from services.billing.reconciliation.rules import MIN_AGE
from services.billing.reconciliation.tables import PaymentDiscrepancy, ReconciliationWindow
from tests.integration.billing.shop import Order, Shop
from tests.integration.billing.support import Client, card, new_id, problem, settle_now
from tests.support.harness import Harness, user_id


@pytest.fixture
def shop(billing: Harness, stripe_url: str) -> Shop:
    return Shop(billing, stripe_url)


@pytest.fixture(autouse=True)
def _isolated_provider(billing: Harness, stripe_url: str) -> None:
    """Delete what other tests created at the shared provider, and begin the first window now."""
    httpx.delete(f"{stripe_url}/_config/data").raise_for_status()
    with db.unit_of_work() as session:
        for kind in ("payments", "refunds"):
            since = now().replace(microsecond=0)
            session.add(ReconciliationWindow(kind=kind, since=since, until=since))


def reconcile() -> None:
    """Reconcile at a time when everything that exists is old enough."""
    with clock.freeze(now() + MIN_AGE + timedelta(seconds=2)):
        jobs.reconcile_with_provider()


def discrepancies(**filters: str) -> list[tuple[str, str, str]]:
    with db.unit_of_work(reads_only=True) as session:
        statement = select(PaymentDiscrepancy).filter_by(**filters).order_by(PaymentDiscrepancy.id)
        return [(row.kind, row.state, row.subject) for row in session.scalars(statement)]


def buy(shop: Shop) -> tuple[Order, str]:
    order = shop.order()
    payment_id: str = shop.pay(order).json()["id"]
    shop.sell(order)
    settle_now()
    settle_now()
    return order, payment_id


def call_provider(shop: Shop, path: str, **form: Any) -> dict[str, Any]:
    headers = {"Authorization": "Bearer sk_test_12345"}
    response: dict[str, Any] = httpx.post(f"{shop.stripe_url}/v1/{path}", data=form, headers=headers).json()
    return response


def test_agreeing_payments_are_compared_once_and_not_reported(shop: Shop) -> None:
    order, payment_id = buy(shop)
    shop.change_return(order, "checked_good", order.products[:1], 4900)
    settle_now()
    reconcile()
    assert discrepancies() == []
    assert shop.payment(payment_id).reconciled_at is not None
    assert shop.refunds(payment_id)[0].reconciled_at is not None
    with db.unit_of_work() as session:
        session.execute(update(Payment).values(reconciled_at=None))
    reconcile()
    assert shop.payment(payment_id).reconciled_at is None, "its window has been compared"


def test_a_missed_state_is_settled_and_recorded_as_resolved(shop: Shop) -> None:
    order = shop.order()
    payment_id = shop.pay(order).json()["id"]
    shop.sell(order)
    settle_now()
    assert shop.payment(payment_id).state == "capturing", "the webhook was lost"
    with db.unit_of_work() as session:
        session.execute(update(Payment).values(settle_at=None))
    reconcile()
    assert shop.payment(payment_id).state == "captured"
    assert discrepancies() == [("missed_state", "resolved", payment_id)]


def test_a_refund_whose_response_was_lost_is_settled(shop: Shop) -> None:
    order, payment_id = buy(shop)
    shop.change_return(order, "checked_good", order.products[:1], 4900)
    [refund] = shop.refunds(payment_id)
    intent_id = shop.payment(payment_id).provider_intent_id
    assert intent_id is not None
    stripe_client.refund(intent_id, refund.id, 4900, 1)
    reconcile()
    assert [one.state for one in shop.refunds(payment_id)] == ["completed"]
    assert shop.refunds_at_provider(payment_id) == [4900]


def test_an_unsettled_payment_is_reported_until_it_is_settled(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    order = shop.order()
    payment_id = shop.pay(order).json()["id"]
    with monkeypatch.context() as patch:
        patch.setattr(stripe_client, "capture", lambda intent_id, *_: stripe_client.read(intent_id))
        shop.sell(order)
        settle_now()
        reconcile()
        assert discrepancies() == [], "it is in progress"
        with clock.freeze(now() + timedelta(hours=1, seconds=1)):
            for _ in range(2):
                jobs.report_unsettled_payments()
    assert discrepancies() == [("not_settled", "open", payment_id)]
    settle_now()
    settle_now()
    jobs.report_unsettled_payments()
    assert discrepancies(kind="not_settled") == [("not_settled", "resolved", payment_id)]


def test_an_unknown_intent_that_holds_money_is_reported_once(shop: Shop) -> None:
    unknown = call_provider(
        shop,
        "payment_intents",
        amount=100,
        currency="eur",
        payment_method=card(shop.stripe_url),
        confirm="true",
        capture_method="manual",
    )
    call_provider(shop, "payment_intents", amount=100, currency="eur", payment_method=card(shop.stripe_url))
    reconcile()
    assert discrepancies() == [("unknown_payment", "open", unknown["id"])]
    manager = shop.billing.as_user("marta", "billing:reconciliation:read", kind="internal", roles=["manager"])
    [item] = manager("GET", "/billing/v1/payment-discrepancies", params={"state": "open"}).json()["items"]
    assert (item["kind"], item["subject"], item["payment_id"]) == ("unknown_payment", unknown["id"], None)
    assert "1.00 EUR" in item["detail"]
    assert manager("GET", "/billing/v1/payment-discrepancies", params={"state": "resolved"}).json()["items"] == []
    assert shop.send("rui", "GET", "/billing/v1/payment-discrepancies").status_code == 403


def test_a_refund_made_manually_at_the_provider_is_reported_with_its_payment(shop: Shop) -> None:
    _, payment_id = buy(shop)
    refund = call_provider(shop, "refunds", payment_intent=shop.payment(payment_id).provider_intent_id, amount=100)
    reconcile()
    assert discrepancies(payment_id=payment_id) == [("unknown_refund", "open", refund["id"])]


@pytest.mark.parametrize(
    ("change", "kind"),
    [({"amount": 6400}, "amount_differs"), ({"state": "voided"}, "missed_state"), ({"state": "authorized"}, None)],
)
def test_a_row_that_differs_from_the_provider_is_reported(
    shop: Shop, change: dict[str, Any], kind: str | None
) -> None:
    _, payment_id = buy(shop)
    with db.unit_of_work() as session:
        session.execute(update(Payment).where(Payment.id == payment_id).values(captured_at=None, **change))
    reconcile()
    assert (kind or "state_differs") in {reported for reported, _, _ in discrepancies(payment_id=payment_id)}


def test_a_payment_unknown_to_the_provider_is_reported(shop: Shop) -> None:
    _, payment_id = buy(shop)
    with db.unit_of_work() as session:
        session.execute(update(Payment).where(Payment.id == payment_id).values(provider_intent_id=new_id("pi")))
    reconcile()
    assert ("missing_at_provider", "open", payment_id) in discrepancies(payment_id=payment_id)


def test_an_intent_left_by_an_earlier_attempt_is_cancelled(shop: Shop) -> None:
    payment_id = shop.pay(shop.order()).json()["id"]
    abandoned = call_provider(
        shop,
        "payment_intents",
        amount=100,
        currency="eur",
        payment_method=card(shop.stripe_url),
        **{"metadata[payment_id]": payment_id},
    )
    reconcile()
    assert stripe_client.read(abandoned["id"]).status == "canceled"
    assert (shop.payment(payment_id).state, discrepancies()) == ("authorized", [])


def test_many_payments_are_compared_page_by_page_over_several_runs(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe_client, "PAGE_SIZE", 1)
    monkeypatch.setattr(jobs, "MAX_PAGES_PER_RUN", 2)
    payment_ids = [shop.pay(shop.order()).json()["id"] for _ in range(3)]
    later = now() + MIN_AGE + timedelta(seconds=2)
    counts = []
    with clock.freeze(later):
        for _ in range(3):
            jobs.reconcile_with_provider()
            counts.append(
                len(
                    [payment_id for payment_id in payment_ids if shop.payment(payment_id).reconciled_at is not None]
                )
            )
    assert counts == [2, 3, 3]
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalar(select(func.count()).where(PaymentDiscrepancy.state == "open")) == 0
        assert session.get_one(ReconciliationWindow, "payments").after is None


def test_reconciliation_continues_after_an_outage_of_the_provider(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, payment_id = buy(shop)

    def fail(*_: object) -> None:
        raise stripe_client.ProviderUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(stripe_client, "_call", fail)
        reconcile()
    assert shop.payment(payment_id).reconciled_at is None
    reconcile()
    assert shop.payment(payment_id).reconciled_at is not None


PATH = "/billing/v1/payment-discrepancies"


def report_discrepancy(detail: str = "the buyer disputed 49.00 EUR", kind: str = "dispute") -> None:
    with db.unit_of_work():
        payment_discrepancies.report(kind, "dp_1", detail)


@pytest.fixture
def manager(billing: Harness) -> Client:
    scopes = "billing:reconciliation:read billing:reconciliation:write"
    return billing.as_user("marta", scopes, kind="internal", roles=["manager"])


def count_by_state(manager: Client) -> dict[str, int]:
    """The number of discrepancies that a manager lists in each state."""
    responses = {state: manager("GET", PATH, params={"state": state}) for state in ("open", "resolved", "closed")}
    return {state: len(response.json()["items"]) for state, response in responses.items()}


def close(manager: Client, discrepancy_id: str = "", note: str = "Written off") -> httpx.Response:
    [newest, *_] = manager("GET", PATH).json()["items"]
    return manager("POST", f"{PATH}/{discrepancy_id or newest['id']}/closure", json={"note": note})


def test_a_manager_closes_a_discrepancy_with_a_note_once(billing: Harness, manager: Client) -> None:
    report_discrepancy()
    closed = close(manager)
    assert closed.status_code == 200, closed.text
    assert (closed.json()["state"], closed.json()["note"]) == ("closed", "Written off")
    assert (closed.json()["closed_by"], closed.json()["resolved_at"]) == (user_id("marta"), None)
    assert closed.json()["closed_at"] is not None
    assert count_by_state(manager) == {"open": 0, "resolved": 0, "closed": 1}
    assert problem(close(manager, note="Once more")) == (409, "discrepancy-not-open")
    [entry] = billing.published("billing.audit.recorded.v1")
    assert (entry["action"], entry["target"]) == ("close_payment_discrepancy", closed.json()["id"])
    assert (entry["before"], entry["after"]) == ({"state": "open"}, {"state": "closed", "note": "Written off"})


def test_only_an_open_discrepancy_can_be_closed_and_only_with_a_note(billing: Harness, manager: Client) -> None:
    report_discrepancy()
    assert close(manager, note="  ").status_code == 400
    assert close(manager, "pdc_" + "0" * 32).status_code == 404
    reader = billing.as_user("eva", "billing:reconciliation:read", kind="internal", roles=["employee"])
    assert close(reader).status_code == 403
    assert count_by_state(manager) == {"open": 1, "resolved": 0, "closed": 0}
    with db.unit_of_work():
        payment_discrepancies.resolve("dispute", "dp_1")
    assert problem(close(manager)) == (409, "discrepancy-not-open")
    assert billing.published("billing.audit.recorded.v1") == []


def test_a_closed_discrepancy_is_reopened_only_with_another_detail(manager: Client) -> None:
    report_discrepancy()
    close(manager)
    report_discrepancy()
    assert count_by_state(manager) == {"open": 0, "resolved": 0, "closed": 1}
    report_discrepancy("the buyer disputed 64.01 EUR")
    assert count_by_state(manager) == {"open": 1, "resolved": 0, "closed": 0}
    [item] = manager("GET", PATH).json()["items"]
    assert (item["closed_at"], item["closed_by"], item["note"]) == (None, None, None)
    close(manager)
    with db.unit_of_work():
        payment_discrepancies.resolve("dispute", "dp_1")
    assert count_by_state(manager) == {"open": 0, "resolved": 1, "closed": 0}, "a closed one is resolved, too"
