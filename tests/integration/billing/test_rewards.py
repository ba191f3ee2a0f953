"""Coins, coupons and payouts of donations, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from libs.chassis import db
from libs.chassis.clock import now
from services.billing.coupons.jobs import expire_coupons
from services.billing.coupons.tables import Coupon
from tests.integration.billing.support import (
    DONATION,
    PRODUCT,
    Client,
    change_donation,
    change_donation_return,
    donation_event,
    handover_event,
    new_id,
    problem,
    register,
)
from tests.support.harness import Harness, user_id

OTHER = "dor_" + "7" * 32
SetSetting = Callable[[str, Any], None]


def balance(client: Client) -> tuple[int, int]:
    balance = client("GET", "/billing/v1/coins").json()
    return balance["balance"], balance["debt"]


def records(client: Client) -> list[tuple[str, int]]:
    """Reasons and coins, oldest first."""
    items = client("GET", "/billing/v1/coin-records").json()["items"]
    return [(item["reason"], item["coins"]) for item in reversed(items)]


def publish(billing: Harness, order_id: str = DONATION) -> None:
    donation = {"order_id": order_id, "item_id": new_id("dit")}
    billing.deliver("shopping.product.published.v1", {"product_id": new_id("prd"), "donation": donation})


def sell(billing: Harness, price: int, *, order_id: str | None = DONATION, buying_order: str = "8") -> None:
    donation = None if order_id is None else {"order_id": order_id, "item_id": "dit_" + "9" * 32}
    data = {
        "product_id": PRODUCT,
        "title": "Camel wool coat",
        "price": {"amount": price, "currency": "EUR"},
        "buying_order_id": "bor_" + buying_order * 32,
        "donation": donation,
    }
    billing.deliver("shopping.product.sold.v1", data)


def test_a_deposit_is_rewarded_once_despite_duplicate_events(billing: Harness, donor: Client) -> None:
    for _ in range(3):
        change_donation(billing, "deposited", has_story=True, is_first=True)
    assert balance(donor) == (180, 0)
    assert records(donor) == [("deposit", 50), ("first_donation", 100), ("story", 30)]
    [event, *others] = billing.published("billing.coins.recorded.v1")
    assert (event["reason"], event["coins"], event["order_id"]) == ("deposit", 50, DONATION)
    assert len(others) == 2
    [newest, *_] = donor("GET", "/billing/v1/coin-records").json()["items"]
    assert (newest["balance_after"], newest["debt_after"]) == (180, 0)


def test_rewards_are_settings_and_zero_disables_a_reward(
    billing: Harness, donor: Client, set_setting: SetSetting
) -> None:
    set_setting("billing.reward_deposit_coins", 7)
    set_setting("billing.reward_story_coins", 0)
    change_donation(billing, "deposited", has_story=True)
    assert records(donor) == [("deposit", 7)]


def test_publishing_several_products_rewards_the_donation_once(billing: Harness, donor: Client) -> None:
    change_donation(billing, "deposited")
    publish(billing)
    publish(billing)
    billing.deliver("shopping.product.published.v1", {"product_id": PRODUCT, "donation": None})
    assert records(donor) == [("deposit", 50), ("published", 40)]


def test_an_event_of_an_unknown_donation_is_retried(billing: Harness) -> None:
    for event_type, data in (
        ("shopping.product.published.v1", {"product_id": PRODUCT, "donation": {"order_id": DONATION}}),
        ("admin.handover.recorded.v1", handover_event(DONATION)),
    ):
        with pytest.raises(LookupError):
            billing.deliver(event_type, data)
    with pytest.raises(LookupError):
        sell(billing, 4900)
    with pytest.raises(LookupError):
        change_donation_return(billing, "created")
    assert billing.published("billing.coins.recorded.v1") == []


def test_cancelling_a_donation_takes_back_its_own_rewards_only(billing: Harness, donor: Client) -> None:
    change_donation(billing, "deposited", has_story=True)
    change_donation(billing, "deposited", order_id=OTHER)
    for _ in range(2):
        change_donation(billing, "cancelled", minute=1)
    assert balance(donor) == (50, 0)
    assert records(donor)[-1] == ("taken_back", -80)
    publish(billing)
    change_donation(billing, "checked_bad")
    assert balance(donor) == (50, 0)


def test_a_cancelled_donation_is_not_rewarded_by_late_events(billing: Harness, donor: Client) -> None:
    change_donation(billing, "cancelled", minute=1)
    change_donation(billing, "deposited")
    assert records(donor) == []


def test_rewards_of_a_returned_donation_are_taken_back_once_by_either_event(
    billing: Harness, donor: Client
) -> None:
    change_donation(billing, "deposited")
    publish(billing)
    change_donation_return(billing, "returned", minute=2)
    change_donation(billing, "returned", minute=2)
    assert records(donor) == [("deposit", 50), ("published", 40), ("taken_back", -90)]
    assert balance(donor) == (0, 0)


def test_rewards_spent_before_they_are_taken_back_become_a_debt_paid_by_the_next_rewards(
    billing: Harness, donor: Client, set_setting: SetSetting
) -> None:
    set_setting("billing.delivery_fee", 40)
    change_donation(billing, "deposited")
    change_donation_return(billing, "created", minute=1)
    [fee] = donor("GET", "/billing/v1/fees").json()["items"]
    paid = donor("POST", f"/billing/v1/fees/{fee['id']}/payments", json={"method": "coins"}, key="fee-key-1")
    assert (paid.status_code, balance(donor)) == (201, (10, 0))
    change_donation_return(billing, "returned", minute=2)
    assert balance(donor) == (0, 40)
    change_donation(billing, "deposited", order_id=OTHER)
    assert balance(donor) == (10, 0)
    change_donation(billing, "checked_bad", order_id=OTHER, minute=1)
    assert balance(donor) == (30, 0)


def test_coins_from_a_manager_have_a_note_in_the_audit_trail(
    billing: Harness, donor: Client, manager: Client
) -> None:
    register(billing, "ines")
    body = {"person_id": user_id("ines"), "coins": 75, "note": "For the broken box"}
    given = manager("POST", "/billing/v1/coin-records", json=body, key="assign-1")
    again = manager("POST", "/billing/v1/coin-records", json=body, key="assign-1")
    assert (given.status_code, given.json()) == (201, again.json())
    assert given.json()["reason"] == "assigned"
    assert balance(donor) == (75, 0)
    [entry] = billing.published("billing.audit.recorded.v1")
    assert (entry["action"], entry["actor_id"], entry["after"]) == ("assign_coins", user_id("marta"), body)
    other = manager("POST", "/billing/v1/coin-records", json=body | {"coins": 76}, key="assign-1")
    assert problem(other) == (422, "idempotency-key-reused")
    assert balance(donor) == (75, 0)


@pytest.mark.parametrize(("path", "more"), [("coin-records", {"coins": 5}), ("coupons", {})])
def test_coins_and_coupons_for_an_unregistered_person_are_refused(
    billing: Harness, manager: Client, path: str, more: dict[str, int]
) -> None:
    body = {"person_id": user_id("unregistered"), "note": "by mistake"} | more
    refused = manager("POST", f"/billing/v1/{path}", json=body, key="assign-1")
    assert problem(refused) == (422, "no-such-customer")
    assert billing.published("billing.audit.recorded.v1") == []


@pytest.mark.parametrize("coins", [0, -5, 100_001, "5", 1.5])
def test_an_invalid_number_of_coins_is_refused(billing: Harness, manager: Client, coins: Any) -> None:
    register(billing, "ines")
    body = {"person_id": user_id("ines"), "coins": coins, "note": "by mistake"}
    assert manager("POST", "/billing/v1/coin-records", json=body, key="assign-1").status_code == 400


def test_a_customer_sees_only_own_rewards_and_cannot_assign_any(billing: Harness, donor: Client) -> None:
    change_donation(billing, "deposited")
    sell_it = donation_event("collected", minute=1)
    billing.deliver("customer.donating_order.state_changed.v1", sell_it)
    sell(billing, 4900)
    billing.deliver("admin.handover.recorded.v1", handover_event(DONATION))
    rui = billing.as_user("rui", "billing:rewards billing:fees")
    assert balance(rui) == (0, 0)
    for path in ("coin-records", "coupons", "payouts", "fees"):
        assert rui("GET", f"/billing/v1/{path}").json()["items"] == [], path
    for path in ("coin-records", "coupons", "coupon-redemptions"):
        assert donor("POST", f"/billing/v1/{path}", json={}, key="assign-1").status_code == 403, path
    assert donor("GET", "/billing/v1/monitored-coupons").status_code == 403


def test_a_bad_donation_earns_coins_and_one_coupon_after_the_handover(
    billing: Harness, donor: Client, manager: Client
) -> None:
    change_donation(billing, "deposited")
    change_donation(billing, "checked_bad", minute=1)
    assert balance(donor) == (70, 0)
    for _ in range(2):
        billing.deliver("admin.handover.recorded.v1", handover_event(DONATION, "rbo_" + "1" * 32))
    [coupon] = donor("GET", "/billing/v1/coupons").json()["items"]
    assert (coupon["state"], coupon["value"]) == ("issued", {"amount": 500, "currency": "EUR"})
    [item] = manager("GET", "/billing/v1/monitored-coupons").json()["items"]
    assert (item["id"], item["person_id"], item["order_id"]) == (coupon["id"], user_id("ines"), DONATION)
    assert "code" not in item
    [event] = billing.published("billing.coupon.issued.v1")
    assert (event["coupon_id"], event["order_id"]) == (coupon["id"], DONATION)


def test_no_coupon_is_issued_when_its_value_is_zero(
    billing: Harness, donor: Client, set_setting: SetSetting
) -> None:
    set_setting("billing.coupon_value", 0)
    change_donation(billing, "checked_bad")
    billing.deliver("admin.handover.recorded.v1", handover_event(DONATION))
    assert donor("GET", "/billing/v1/coupons").json()["items"] == []


def issue_coupon(manager: Client, key: str = "coupon-1", **more: Any) -> Any:
    body = {"person_id": user_id("ines"), "note": "Thank you"} | more
    return manager("POST", "/billing/v1/coupons", json=body, key=key)


def redeem(manager: Client, code: str, key: str) -> Any:
    return manager("POST", "/billing/v1/coupon-redemptions", json={"code": code}, key=key)


def test_a_manager_issues_a_coupon_that_is_redeemed_once(billing: Harness, donor: Client, manager: Client) -> None:
    register(billing, "ines")
    details: dict[str, Any] = {"value": {"amount": 1200, "currency": "EUR"}, "valid_days": 30}
    issued = issue_coupon(manager, **details)
    assert (issued.status_code, issue_coupon(manager, **details).json()) == (201, issued.json())
    [coupon] = donor("GET", "/billing/v1/coupons").json()["items"]
    typed = coupon["code"].lower().replace("-", "")
    used = redeem(manager, typed, "redeem-1")
    assert (used.status_code, used.json()["state"], used.json()["used_by"]) == (200, "used", user_id("marta"))
    assert redeem(manager, typed, "redeem-1").json() == used.json()
    assert problem(redeem(manager, typed, "redeem-2")) == (409, "coupon-not-usable")
    items = manager("GET", "/billing/v1/monitored-coupons", params={"state": "used"}).json()["items"]
    assert [item["used_at"] is not None for item in items] == [True]
    assert manager("GET", "/billing/v1/monitored-coupons", params={"state": "issued"}).json()["items"] == []
    actions = [entry["action"] for entry in billing.published("billing.audit.recorded.v1")]
    assert actions == ["assign_coupon", "redeem_coupon"]


@pytest.mark.parametrize("value", [{"amount": 500, "currency": "USD"}, {"amount": 0, "currency": "EUR"}])
def test_a_coupon_of_zero_or_in_another_currency_is_refused(
    billing: Harness, manager: Client, value: dict[str, Any]
) -> None:
    register(billing, "ines")
    refused = issue_coupon(manager, value=value)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"].startswith("/value/")


def test_a_mistyped_code_and_an_unknown_code_have_different_errors(
    billing: Harness, donor: Client, manager: Client
) -> None:
    register(billing, "ines")
    issue_coupon(manager)
    code: str = donor("GET", "/billing/v1/coupons").json()["items"][0]["code"]
    wrong = ("3" if code[0] != "3" else "4") + code[1:]
    assert problem(redeem(manager, wrong, "redeem-1")) == (422, "coupon-code-wrong")
    with db.unit_of_work() as session:
        session.execute(update(Coupon).values(code="2222-2222-2223"))
    assert redeem(manager, code, "redeem-2").status_code == 404


def test_an_expired_coupon_is_marked_as_expired(billing: Harness, donor: Client, manager: Client) -> None:
    register(billing, "ines")
    issue_coupon(manager)
    with db.unit_of_work() as session:
        session.execute(update(Coupon).values(valid_until=now() - timedelta(seconds=1)))
    expire_coupons()
    assert donor("GET", "/billing/v1/coupons").json()["items"][0]["state"] == "expired"


@pytest.mark.parametrize(("is_used", "state"), [(False, "void"), (True, "used")])
def test_a_return_voids_an_unused_coupon(
    billing: Harness, donor: Client, manager: Client, is_used: bool, state: str
) -> None:
    change_donation(billing, "checked_bad")
    billing.deliver("admin.handover.recorded.v1", handover_event(DONATION))
    code = donor("GET", "/billing/v1/coupons").json()["items"][0]["code"]
    if is_used:
        assert redeem(manager, code, "redeem-1").status_code == 200
    change_donation(billing, "returned", minute=5)
    assert donor("GET", "/billing/v1/coupons").json()["items"][0]["state"] == state


def test_each_sale_has_one_payout(billing: Harness, donor: Client) -> None:
    change_donation(billing, "deposited")
    for _ in range(2):
        sell(billing, 4901)
    [payout] = donor("GET", "/billing/v1/payouts").json()["items"]
    assert (payout["state"], payout["amount"]["amount"], payout["share_percent"]) == ("prepared", 1960, 40)
    assert billing.published("billing.payout.due.v1") == []
    sell(billing, 1000, buying_order="9")
    assert len(donor("GET", "/billing/v1/payouts").json()["items"]) == 2


def test_no_payout_is_prepared_without_a_donation_or_a_share(
    billing: Harness, donor: Client, set_setting: SetSetting
) -> None:
    sell(billing, 4900, order_id=None)
    change_donation(billing, "deposited")
    set_setting("billing.donor_share_percent", 0)
    sell(billing, 4900)
    assert billing.published("billing.payout.due.v1") == []
    assert donor("GET", "/billing/v1/payouts").json()["items"] == []


def test_coin_records_are_paged(billing: Harness, donor: Client) -> None:
    for number in range(5):
        change_donation(billing, "deposited", order_id=f"dor_{number:032x}")
    order_ids: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        response = donor(
            "GET", "/billing/v1/coin-records", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
        )
        order_ids += [item["order_id"] for item in response.json()["items"]]
        cursor = response.json()["next_cursor"]
    assert order_ids == [f"dor_{number:032x}" for number in reversed(range(5))]
    assert cursor is None


def test_the_currencies_of_all_stored_amounts_are_listed(billing: Harness, set_setting: SetSetting) -> None:
    admin = billing.as_user("admin", "billing:currencies", kind="service")
    assert admin("GET", "/billing/v1/currencies").json() == {"currencies": []}
    change_donation(billing, "cancelling")
    set_setting("billing.currency", "JPY")
    change_donation(billing, "checked_bad", order_id="dor_" + "8" * 32)
    billing.deliver("admin.handover.recorded.v1", handover_event("dor_" + "8" * 32))
    assert admin("GET", "/billing/v1/currencies").json() == {"currencies": ["EUR", "JPY"]}
