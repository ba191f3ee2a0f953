"""Shared by the tests of billing: its environment, test cards, and events of donations."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import update

from libs.chassis import db
from libs.chassis.clock import now, rfc3339
from services.billing.ledger.jobs import find_ledger_faults
from services.billing.payments.tables import Payment
from services.billing.provider import stripe_client
from services.billing.refunds.tables import Refund
from services.billing.settlement.jobs import settle_with_provider
from tests.support.harness import Harness, user_id

SECRET = "whsec_test"
GOOD, DECLINED, NEEDS_CHECK = "4242424242424242", "4000000000000341", "4000002500003155"
Client = Callable[..., httpx.Response]
DONATION = "dor_" + "3" * 32
RETURN = "rdo_" + "4" * 32
PRODUCT = "prd_" + "2" * 32
LOCATION = {"location_id": "loc_" + "5" * 32, "location_name": "Rossio"}
START = datetime.fromisoformat("2026-11-23T10:00:00+00:00")


def environment(database_url: str, stripe_url: str) -> dict[str, str]:
    return {
        "RECLOTHES_DATABASE_URL": database_url,
        "BILLING_STRIPE_API_KEY": "sk_test_12345",
        "BILLING_STRIPE_PUBLISHABLE_KEY": "pk_test_12345",
        "BILLING_STRIPE_API_BASE": stripe_url,
        "BILLING_STRIPE_PUBLIC_API_BASE": stripe_url,
        "BILLING_STRIPE_WEBHOOK_SECRET": SECRET,
    }


def card(stripe_url: str, number: str = GOOD) -> str:
    details = {"number": number, "exp_month": "12", "exp_year": "2030", "cvc": "123"}
    form = {"type": "card"} | {f"card[{name}]": value for name, value in details.items()}
    headers = {"Authorization": "Bearer pk_test_12345"}
    payment_method: str = httpx.post(f"{stripe_url}/v1/payment_methods", data=form, headers=headers).json()["id"]
    return payment_method


def problem(response: httpx.Response) -> tuple[int, str]:
    """Status and slug of a problem response."""
    return response.status_code, response.json()["type"].rpartition("/")[2]


def reset_provider() -> None:
    """Let the provider be called again after failures that opened its circuit."""
    stripe_client.circuit().set(is_open=False)


def ledger_faults() -> list[str]:
    """Describe everything that is wrong with the ledgers."""
    with db.unit_of_work(reads_only=True):
        return find_ledger_faults()


def settle_now() -> None:
    """Settle everything that waits for the provider, without waiting."""
    with db.unit_of_work() as session:
        for kind in (Payment, Refund):
            waiting = update(kind).where(kind.settle_at.is_not(None))
            session.execute(waiting.values(settle_at=now() - timedelta(seconds=1)))
    settle_with_provider()


def confirm_latest(client: Client) -> None:
    """Confirm the latest payment of this customer; a decline or an outage is accepted."""
    payments = client("GET", "/billing/v1/payments", params={"limit": 1}).json()["items"]
    for payment in payments:
        response = client("POST", f"/billing/v1/payments/{payment['id']}/confirmation")
        assert response.status_code in (200, 402, 503), response.text


def new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


def donation_event(
    state: str, *, order_id: str = DONATION, donor: str = "ines", minute: int = 0, **more: Any
) -> dict[str, Any]:
    """The data of a state change of a donating order; `minute` is its time."""
    data = {
        "order_id": order_id,
        "donor_id": user_id(donor),
        "state": state,
        "previous_state": None,
        "has_story": False,
        "is_first": False,
        "item_ids": [],
        "at": rfc3339(START + timedelta(minutes=minute)),
    }
    return data | LOCATION | more


def donation_return_event(state: str, *, minute: int = 0, **more: Any) -> dict[str, Any]:
    data = {
        "return_id": RETURN,
        "order_id": DONATION,
        "donor_id": user_id("ines"),
        "state": state,
        "previous_state": None,
        "at": rfc3339(START + timedelta(minutes=minute)),
    }
    return data | LOCATION | more


def change_donation(billing: Harness, state: str, **more: Any) -> None:
    billing.deliver("customer.donating_order.state_changed.v1", donation_event(state, **more))


def change_donation_return(billing: Harness, state: str, **more: Any) -> None:
    billing.deliver("customer.donation_return.state_changed.v1", donation_return_event(state, **more))


def register(billing: Harness, *names: str) -> None:
    for name in names:
        data = {"user_id": user_id(name), "full_name": name.title(), "consents": []}
        billing.deliver("auth.user.registered.v1", data)


def handover_event(*order_ids: str) -> dict[str, Any]:
    return {
        "handover_id": new_id("hov"),
        "factory_id": "fac_" + "6" * 32,
        "factory_name": "Fibra Nova",
        "order_ids": list(order_ids),
        "at": rfc3339(now()),
    }
