"""Our payments and refunds against the provider's: what was missed is mended, what a person must judge is told."""

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
def _only_what_this_test_makes(billing: Harness, stripe_url: str) -> None:
    """The provider is one for all tests: it forgets what others made, and the first window begins with this one."""
    httpx.delete(f"{stripe_url}/_config/data").raise_for_status()
    with db.unit_of_work() as session:
        for kind in ("payments", "refunds"):
            since = now().replace(microsecond=0)
            session.add(ReconciliationWindow(kind=kind, since=since, until=since))


def reconcile() -> None:
    """As it will be done when all that was made until now is old enough."""
    with clock.freeze(now() + MIN_AGE + timedelta(seconds=2)):
        jobs.reconcile_with_provider()


def findings(**wanted: str) -> list[tuple[str, str, str]]:
    with db.unit_of_work(reads_only=True) as session:
        statement = select(PaymentDiscrepancy).filter_by(**wanted).order_by(PaymentDiscrepancy.id)
        return [(one.kind, one.state, one.subject) for one in session.scalars(statement)]


def buy(shop: Shop) -> tuple[Order, str]:
    order = shop.order()
    payment_id: str = shop.pay(order).json()["id"]
    shop.sell(order)
    settle_now()
    settle_now()
    return order, payment_id


def provider(shop: Shop, path: str, **form: Any) -> dict[str, Any]:
    headers = {"Authorization": "Bearer sk_test_12345"}
    made: dict[str, Any] = httpx.post(f"{shop.stripe_url}/v1/{path}", data=form, headers=headers).json()
    return made


def test_what_agrees_is_no_finding_and_is_looked_at_once(shop: Shop) -> None:
    order, payment_id = buy(shop)
    shop.change_return(order, "checked_good", order.products[:1], 4900)
    settle_now()
    reconcile()
    assert findings() == []
    assert shop.payment(payment_id).reconciled_at is not None
    assert shop.refunds_of(payment_id)[0].reconciled_at is not None
    with db.unit_of_work() as session:
        session.execute(update(Payment).values(reconciled_at=None))
    reconcile()
    assert shop.payment(payment_id).reconciled_at is None, "its window is closed"


def test_a_state_that_we_missed_is_mended_and_noted(shop: Shop) -> None:
    order = shop.order()
    payment_id = shop.pay(order).json()["id"]
    shop.sell(order)
    settle_now()
    assert shop.payment(payment_id).state == "capturing", "its webhook was lost"
    with db.unit_of_work() as session:
        session.execute(update(Payment).values(settle_at=None))
    reconcile()
    assert shop.payment(payment_id).state == "captured"
    assert findings() == [("missed_state", "resolved", payment_id)]


def test_a_refund_whose_answer_was_lost_is_mended(shop: Shop) -> None:
    order, payment_id = buy(shop)
    shop.change_return(order, "checked_good", order.products[:1], 4900)
    [refund] = shop.refunds_of(payment_id)
    intent_id = shop.payment(payment_id).provider_intent_id
    assert intent_id is not None
    stripe_client.refund(intent_id, refund.id, 4900, 1)
    reconcile()
    assert [one.state for one in shop.refunds_of(payment_id)] == ["completed"]
    assert shop.refunds_at_provider(payment_id) == [4900]


def test_a_payment_that_is_neither_taken_nor_given_back_is_reported_until_it_is(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = shop.order()
    payment_id = shop.pay(order).json()["id"]
    with monkeypatch.context() as patch:
        patch.setattr(stripe_client, "capture", lambda intent_id, *_: stripe_client.read(intent_id))
        shop.sell(order)
        settle_now()
        reconcile()
        assert findings() == [], "it is at work"
        with clock.freeze(now() + timedelta(hours=1, seconds=1)):
            for _ in range(2):
                jobs.report_unsettled_payments()
    assert findings() == [("not_settled", "open", payment_id)]
    settle_now()
    settle_now()
    jobs.report_unsettled_payments()
    assert findings(kind="not_settled") == [("not_settled", "resolved", payment_id)]


def test_money_that_we_know_nothing_of_is_reported_once(shop: Shop) -> None:
    stranger = provider(
        shop,
        "payment_intents",
        amount=100,
        currency="eur",
        payment_method=card(shop.stripe_url),
        confirm="true",
        capture_method="manual",
    )
    provider(shop, "payment_intents", amount=100, currency="eur", payment_method=card(shop.stripe_url))
    reconcile()
    assert findings() == [("unknown_payment", "open", stranger["id"])]
    manager = shop.billing.as_user("marta", "billing:reconciliation:read", kind="internal", roles=["manager"])
    [seen] = manager("GET", "/billing/v1/payment-discrepancies", params={"state": "open"}).json()["items"]
    assert (seen["kind"], seen["subject"], seen["payment_id"]) == ("unknown_payment", stranger["id"], None)
    assert "1.00 EUR" in seen["detail"]
    assert manager("GET", "/billing/v1/payment-discrepancies", params={"state": "resolved"}).json()["items"] == []
    assert shop.send("rui", "GET", "/billing/v1/payment-discrepancies").status_code == 403


def test_a_refund_that_somebody_made_by_hand_is_reported_with_its_payment(shop: Shop) -> None:
    _, payment_id = buy(shop)
    made = provider(shop, "refunds", payment_intent=shop.payment(payment_id).provider_intent_id, amount=100)
    reconcile()
    assert findings(payment_id=payment_id) == [("unknown_refund", "open", made["id"])]


@pytest.mark.parametrize(
    ("change", "kind"),
    [({"amount": 6400}, "amount_differs"), ({"state": "voided"}, "missed_state"), ({"state": "authorized"}, None)],
)
def test_a_row_that_is_not_as_the_provider_has_it(shop: Shop, change: dict[str, Any], kind: str | None) -> None:
    _, payment_id = buy(shop)
    with db.unit_of_work() as session:
        session.execute(update(Payment).where(Payment.id == payment_id).values(captured_at=None, **change))
    reconcile()
    assert (kind or "state_differs") in {found[0] for found in findings(payment_id=payment_id)}


def test_what_the_provider_does_not_know_is_reported(shop: Shop) -> None:
    _, payment_id = buy(shop)
    with db.unit_of_work() as session:
        session.execute(update(Payment).where(Payment.id == payment_id).values(provider_intent_id=new_id("pi")))
    reconcile()
    assert ("missing_at_provider", "open", payment_id) in findings(payment_id=payment_id)


def test_what_an_attempt_of_ours_left_behind_is_cancelled(shop: Shop) -> None:
    payment_id = shop.pay(shop.order()).json()["id"]
    left = provider(
        shop,
        "payment_intents",
        amount=100,
        currency="eur",
        payment_method=card(shop.stripe_url),
        **{"metadata[payment_id]": payment_id},
    )
    reconcile()
    assert stripe_client.read(left["id"]).status == "canceled"
    assert (shop.payment(payment_id).state, findings()) == ("authorized", [])


def test_many_are_compared_a_page_at_a_time_over_several_runs(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe_client, "PAGE_SIZE", 1)
    monkeypatch.setattr(jobs, "MAX_PAGES_PER_RUN", 2)
    made = [shop.pay(shop.order()).json()["id"] for _ in range(3)]
    later = now() + MIN_AGE + timedelta(seconds=2)
    seen = []
    with clock.freeze(later):
        for _ in range(3):
            jobs.reconcile_with_provider()
            seen.append(len([one for one in made if shop.payment(one).reconciled_at is not None]))
    assert seen == [2, 3, 3]
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalar(select(func.count()).where(PaymentDiscrepancy.state == "open")) == 0
        assert session.get_one(ReconciliationWindow, "payments").after is None


def test_while_the_provider_is_away_the_next_run_goes_on(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    _, payment_id = buy(shop)

    def away(*_: object) -> None:
        raise stripe_client.ProviderUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(stripe_client, "_call", away)
        reconcile()
    assert shop.payment(payment_id).reconciled_at is None
    reconcile()
    assert shop.payment(payment_id).reconciled_at is not None


FINDINGS = "/billing/v1/payment-discrepancies"


def found(detail: str = "the bank was asked for 49.00 EUR", kind: str = "dispute") -> None:
    with db.unit_of_work():
        payment_discrepancies.report(kind, "dp_1", detail)


@pytest.fixture
def manager(billing: Harness) -> Client:
    scopes = "billing:reconciliation:read billing:reconciliation:write"
    return billing.as_user("marta", scopes, kind="internal", roles=["manager"])


def states(manager: Client) -> dict[str, int]:
    """How many findings a manager lists in each state."""
    lists = {state: manager("GET", FINDINGS, params={"state": state}) for state in ("open", "resolved", "closed")}
    return {state: len(listed.json()["items"]) for state, listed in lists.items()}


def close(manager: Client, finding_id: str = "", note: str = "Written off") -> httpx.Response:
    [newest, *_] = manager("GET", FINDINGS).json()["items"]
    return manager("POST", f"{FINDINGS}/{finding_id or newest['id']}/closure", json={"note": note})


def test_a_manager_closes_a_finding_with_a_note_once(billing: Harness, manager: Client) -> None:
    found()
    closed = close(manager)
    assert closed.status_code == 200, closed.text
    assert (closed.json()["state"], closed.json()["note"]) == ("closed", "Written off")
    assert (closed.json()["closed_by"], closed.json()["resolved_at"]) == (user_id("marta"), None)
    assert closed.json()["closed_at"] is not None
    assert states(manager) == {"open": 0, "resolved": 0, "closed": 1}
    assert problem(close(manager, note="Once more")) == (409, "discrepancy-not-open")
    [entry] = billing.published("billing.audit.recorded.v1")
    assert (entry["action"], entry["target"]) == ("close_payment_discrepancy", closed.json()["id"])
    assert (entry["before"], entry["after"]) == ({"state": "open"}, {"state": "closed", "note": "Written off"})


def test_only_an_open_finding_is_closed_and_only_with_a_note(billing: Harness, manager: Client) -> None:
    found()
    assert close(manager, note="  ").status_code == 400
    assert close(manager, "pdc_" + "0" * 32).status_code == 404
    reader = billing.as_user("eva", "billing:reconciliation:read", kind="internal", roles=["employee"])
    assert close(reader).status_code == 403
    assert states(manager) == {"open": 1, "resolved": 0, "closed": 0}
    with db.unit_of_work():
        payment_discrepancies.resolve("dispute", "dp_1")
    assert problem(close(manager)) == (409, "discrepancy-not-open")
    assert billing.published("billing.audit.recorded.v1") == []


def test_what_was_closed_stays_closed_until_something_else_is_found(manager: Client) -> None:
    found()
    close(manager)
    found()
    assert states(manager) == {"open": 0, "resolved": 0, "closed": 1}
    found("the bank was asked for 64.01 EUR")
    assert states(manager) == {"open": 1, "resolved": 0, "closed": 0}
    [seen] = manager("GET", FINDINGS).json()["items"]
    assert (seen["closed_at"], seen["closed_by"], seen["note"]) == (None, None, None)
    close(manager)
    with db.unit_of_work():
        payment_discrepancies.resolve("dispute", "dp_1")
    assert states(manager) == {"open": 0, "resolved": 1, "closed": 0}, "it agrees whatever was thought of it"
