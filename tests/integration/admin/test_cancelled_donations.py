"""Donations and their returns that are cancelled while work on them goes on."""

from __future__ import annotations

import uuid

import pytest

from tests.integration.admin.support import (
    Send,
    assign,
    change_donation_return_state,
    change_donation_state,
    collect,
    create_package,
    get_own,
    list_own,
    new_id,
    problem_of,
    reach_threshold,
    record_check,
    scan,
    state_changes,
    use_door,
)
from tests.support.harness import Harness


def test_a_cancelled_donation_is_removed_from_its_collecting_order(
    admin: Harness, rui: Send, donation: str
) -> None:
    other = new_id("dor")
    reach_threshold(admin, donation, other)
    for state, previous in (("cancelling", "deposited"), ("cancelled", "cancelling")):
        change_donation_state(admin, donation, state, previous)
    removed_at = {order["order_id"]: order["removed_at"] for order in get_own(rui, "collecting")["orders"]}
    assert removed_at[donation] is not None
    assert removed_at[other] is None
    response = rui("POST", "/admin/v1/packages", json={"order_id": donation}, key=uuid.uuid4().hex)
    assert response.status_code == 404
    collect(rui, [other])
    [event] = state_changes(admin, "collecting", "done")
    assert [order["order_id"] for order in event["orders"]] == [other]


def test_cancelling_the_last_missing_donation_finishes_the_collecting_order(
    admin: Harness, rui: Send, donation: str
) -> None:
    other = new_id("dor")
    reach_threshold(admin, donation, other)
    collect(rui, [other])
    change_donation_state(admin, donation, "cancelling", "deposited")
    assert get_own(rui, "collecting")["state"] == "done"


def test_a_collecting_order_without_remaining_donations_fails_and_cannot_be_reassigned(
    admin: Harness, rui: Send, manager: Send, donation: str
) -> None:
    reach_threshold(admin, donation)
    code = create_package(rui, donation)["tracking_code"]
    change_donation_state(admin, donation, "cancelling", "deposited")
    work_order = get_own(rui, "collecting")
    assert (work_order["state"], work_order["reason"]) == ("failed", "the donation was cancelled")
    assert problem_of(scan(rui, code)) == (409, "nothing-to-scan-for")
    assert problem_of(assign(manager, work_order["id"], "rui")) == (409, "illegal-transition")


def test_a_scanned_package_stays_in_the_collecting_order(admin: Harness, rui: Send, donation: str) -> None:
    other = new_id("dor")
    reach_threshold(admin, donation, other)
    collect(rui, [donation])
    change_donation_state(admin, donation, "cancelling", "deposited")
    collect(rui, [other])
    [event] = state_changes(admin, "collecting", "done")
    assert [order["order_id"] for order in event["orders"]] == [donation, other]


@pytest.mark.parametrize("is_door_event_first", [True, False])
def test_a_donation_whose_box_was_emptied_is_collected_although_it_is_cancelled(
    admin: Harness, rui: Send, donation: str, is_door_event_first: bool
) -> None:
    with pytest.raises(LookupError):
        use_door(admin, donation, "collect", is_occupied=False)
    other = new_id("dor")
    reach_threshold(admin, donation, other)
    if is_door_event_first:
        use_door(admin, donation, "collect", is_occupied=False)
    change_donation_state(admin, donation, "cancelling", "deposited")
    use_door(admin, donation, "collect", is_occupied=False)
    collect(rui, [donation, other])
    [event] = state_changes(admin, "collecting", "done")
    assert [order["order_id"] for order in event["orders"]] == [donation, other]


def test_an_emptied_box_reopens_its_failed_collecting_order(admin: Harness, rui: Send, donation: str) -> None:
    reach_threshold(admin, donation)
    change_donation_state(admin, donation, "cancelling", "deposited")
    assert get_own(rui, "collecting")["state"] == "failed"
    use_door(admin, donation, "collect", is_occupied=False)
    collect(rui, [donation])
    assert get_own(rui, "collecting")["state"] == "done"


def test_a_donation_that_was_cancelled_before_the_threshold_is_not_collected(
    admin: Harness, rui: Send, donation: str
) -> None:
    other = new_id("dor")
    change_donation_state(admin, donation, "cancelling", "deposited")
    reach_threshold(admin, donation)
    assert list_own(rui, "collecting") == []
    reach_threshold(admin, donation, other)
    assert [order["order_id"] for order in get_own(rui, "collecting")["orders"]] == [other]
    reach_threshold(admin, other)
    assert len(list_own(rui, "collecting")) == 1


def test_a_returning_donation_is_checked_only_if_its_return_is_cancelled(
    admin: Harness, rui: Send, eva: Send, donation: str
) -> None:
    reach_threshold(admin, donation)
    [package] = collect(rui, [donation])
    change_donation_state(admin, donation, "returning", "collected")
    assert get_own(eva, "checking")["state"] == "failed"
    assert problem_of(scan(eva, package["tracking_code"])) == (409, "nothing-to-scan-for")
    change_donation_state(admin, donation, "collected", "returning")
    record_check(eva, package, "good")
    assert get_own(eva, "checking")["state"] == "done"


def test_a_cancelled_donation_return_is_not_packed(admin: Harness, eva: Send, donation: str) -> None:
    first, second = new_id("rdo"), new_id("rdo")
    change_donation_return_state(admin, first, donation)
    change_donation_return_state(admin, first, donation, "cancelled")
    assert get_own(eva, "packing")["state"] == "failed"
    change_donation_return_state(admin, second, donation, "cancelled")
    change_donation_return_state(admin, second, donation)
    assert len(list_own(eva, "packing")) == 1
