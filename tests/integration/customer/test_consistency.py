"""Orders whose events were lost: the job asks the other domains, repairs the order or reports it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from services.customer.models import BuyingOrder, OrderRefund
from sqlalchemy import select, update

from libs.chassis import consistency, db
from libs.chassis.clock import now, rfc3339
from libs.chassis.tables import OutboxRow
from services.customer import order_attempts
from services.customer.buying_orders import PickupLocation
from services.customer.consistency import registry
from tests.integration.customer import test_donating
from tests.integration.customer.buying import (
    COAT,
    HAT,
    ORDERS,
    RETURNS,
    SCOPES,
    Ask,
    agreed,
    begun,
    check,
    check_pieces,
    door,
    go,
    pay,
    payment_of,
    picked_up,
    place,
    read,
    work,
)
from tests.integration.customer.conftest import BOX, ROSSIO, Neighbours
from tests.support.harness import Harness, user_id
from tests.support.states import LATER, PeerStates, attempted, compare, reported

PAID, MOVED = "customer.buying_order.paid.v1", "customer.buying_order.state_changed.v1"


@pytest.fixture
def ines(customer: Harness, neighbours: Neighbours) -> Ask:
    return customer.as_user("ines", f"{SCOPES} customer:donating-orders")


def lose_messages(customer: Harness) -> PeerStates:
    """From now on the other domains answer state queries only."""
    states = PeerStates()
    customer.play_peers(states.answer)
    return states


def state_of(ask: Ask, order: dict[str, Any]) -> str:
    return str(ask("GET", f"{ORDERS}/{order['id']}").json()["state"])


def captured(order: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    facts = {"payment_id": payment_of(order), "order_id": order["id"], "buyer_id": order["buyer_id"]}
    facts |= {"amount": order["total"], "captured_at": rfc3339(now()), "method": "card", "coins": None}
    return "billing.payment.captured.v1", facts


def voided(order: dict[str, Any], reason_code: str) -> tuple[str, dict[str, Any]]:
    facts = {"payment_id": payment_of(order), "order_id": order["id"], "buyer_id": order["buyer_id"]}
    return "billing.payment.voided.v1", facts | {"reason": "", "method": "card", "reason_code": reason_code}


def refund_made(order: dict[str, Any], return_id: str | None = None, **changed: Any) -> tuple[str, dict[str, Any]]:
    facts = {"refund_id": f"rfd_{uuid.uuid4().hex}", "payment_id": payment_of(order), "order_id": order["id"]}
    facts |= {"return_id": return_id, "replaces": None, "buyer_id": order["buyer_id"], "amount": order["total"]}
    facts |= {"method": "card", "coins": None, "made_at": rfc3339(now())}
    return "billing.refund.completed.v1", facts | changed


def released(order: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    data = {"order_id": order["id"], "buyer_id": order["buyer_id"], "product_ids": [], "reason": "lapsed"}
    return "shopping.hold.released.v1", data


def work_moved(order_id: str, kind: str, state: str) -> tuple[str, dict[str, Any]]:
    data = {
        "work_order_id": f"wor_{uuid.uuid4().hex}",
        "kind": kind,
        "state": state,
        "previous_state": None,
        "assignee_id": user_id("paulo"),
        "location_id": ROSSIO,
        "location_name": "Rossio",
        "orders": [{"order_id": order_id, "box_id": BOX, "tracking_code": "RC123", "products": []}],
        "result": None,
        "reason": None,
        "at": rfc3339(now()),
    }
    return "admin.work_order.state_changed.v1", data


def door_used(order_id: str, purpose: str) -> tuple[str, dict[str, Any]]:
    data = {"right_id": f"rgt_{uuid.uuid4().hex}", "purpose": purpose, "order_id": order_id}
    data |= {"person_id": user_id("ines"), "location_id": ROSSIO, "location_name": "Rossio", "box_id": BOX}
    is_occupied = purpose in ("deposit", "ship")
    return "locker.door.used.v1", data | {"is_occupied": is_occupied, "at": rfc3339(now())}


def test_an_order_whose_captured_event_was_lost_is_paid(customer: Harness, ines: Ask) -> None:
    order = place(ines)
    states = lose_messages(customer)
    states.know("billing", order["id"], captured(order))
    states.know("shopping", order["id"])
    states.know("admin", order["id"], work_moved(order["id"], "packing", "open"))
    compare(registry)
    assert state_of(ines, order) == "paid"
    [event] = customer.published(PAID)
    assert event["order_id"] == order["id"]
    compare(registry)
    assert len(customer.published(PAID)) == 1
    assert reported() == {}


def test_an_order_that_waits_for_its_buyer_is_left_alone(customer: Harness, ines: Ask) -> None:
    order = place(ines)
    states = lose_messages(customer)
    states.know("shopping", order["id"])
    compare(registry, runs=4)
    assert state_of(ines, order) == "placed"
    assert attempted() == set()


def test_a_young_order_is_not_asked_about(customer: Harness, ines: Ask) -> None:
    place(ines)
    states = lose_messages(customer)
    consistency.compare_with_other_domains(registry)
    assert states.queries == []


@pytest.mark.parametrize("is_known", [True, False])
def test_an_order_without_its_hold_expires(customer: Harness, ines: Ask, is_known: bool) -> None:
    """The released event was lost, or the document of the hold."""
    order = place(ines)
    states = lose_messages(customer)
    if is_known:
        states.know("shopping", order["id"], released(order))
    compare(registry)
    assert state_of(ines, order) == "expired"


def test_an_order_whose_sale_was_not_paid_is_cancelled(customer: Harness, ines: Ask) -> None:
    failed, given_back = place(ines), place(ines)
    states = lose_messages(customer)
    states.know("billing", failed["id"], voided(failed, "sale_not_paid"))
    states.know("billing", given_back["id"], voided(given_back, "order_not_kept"))
    for order in (failed, given_back):
        states.know("shopping", order["id"])
    compare(registry)
    assert (state_of(ines, failed), state_of(ines, given_back)) == ("cancelled", "placed")


def cancelled_after_payment(customer: Harness, ask: Ask) -> dict[str, Any]:
    order = place(ask)
    pay(customer, order)
    answer = ask("POST", f"{ORDERS}/{order['id']}/cancellation")
    assert answer.status_code == 200, answer.text
    return order


def test_a_cancelled_order_without_refund_is_announced_again_and_then_reported(
    customer: Harness, ines: Ask
) -> None:
    order = cancelled_after_payment(customer, ines)
    states = lose_messages(customer)
    states.know("billing", order["id"], captured(order))
    compare(registry)
    first, again = customer.published(MOVED)
    assert again == first, "billing receives the cancellation once more"
    compare(registry, runs=2)
    check = ("cancelled_order_without_refund", order["id"])
    assert reported() == {check: "the peer has not acted on it"}
    compare(registry, runs=2)
    assert len(customer.published(MOVED)) == 4, "it is not announced without end"


def test_a_refund_that_is_pending_is_awaited(customer: Harness, ines: Ask) -> None:
    order = cancelled_after_payment(customer, ines)
    states = lose_messages(customer)
    states.know("billing", order["id"], knowledge="pending")
    compare(registry, runs=4)
    assert len(customer.published(MOVED)) == 1
    assert attempted() == set()


def test_a_refund_whose_event_was_lost_is_shown(customer: Harness, ines: Ask) -> None:
    order = cancelled_after_payment(customer, ines)
    states = lose_messages(customer)
    states.know("billing", order["id"], refund_made(order))
    compare(registry)
    [refund] = ines("GET", f"{ORDERS}/{order['id']}").json()["refunds"]
    assert refund["amount"] == order["total"]
    compare(registry, runs=3)
    assert reported() == {}


@pytest.mark.parametrize("is_known", [True, False])
def test_the_refund_of_a_replaced_payment_is_not_that_of_the_order(
    customer: Harness, ines: Ask, is_known: bool
) -> None:
    """Its late capture went back by itself; the payment of the sale has to go back as well."""
    order = cancelled_after_payment(customer, ines)
    late = refund_made(order, payment_id="pay_" + "9" * 32)
    if is_known:
        customer.deliver(*late)
    states = lose_messages(customer)
    states.know("billing", order["id"], captured(order), late)
    compare(registry)
    first, again = customer.published(MOVED)
    assert again == first
    states.know("billing", order["id"], captured(order), late, refund_made(order))
    compare(registry, runs=3)
    assert read(ines, order)["refunds"][-1]["amount"] == order["total"]
    assert len(customer.published(MOVED)) == 2


def test_a_refund_of_an_older_version_is_recognised(customer: Harness, ines: Ask) -> None:
    order = cancelled_after_payment(customer, ines)
    refund = refund_made(order)
    customer.deliver(*refund)
    with db.unit_of_work() as session:
        session.execute(update(OrderRefund).values(payment_id=None))
    states = lose_messages(customer)
    states.know("billing", order["id"], captured(order), refund)
    compare(registry, runs=4)
    assert reported() == {}
    assert (len(states.queries), len(customer.published(MOVED))) == (1, 1)


def test_an_old_order_that_was_cancelled_today_is_compared(customer: Harness, ines: Ask) -> None:
    order = cancelled_after_payment(customer, ines)
    with db.unit_of_work() as session:
        session.execute(update(BuyingOrder).values(placed_at=now() - timedelta(days=60)))
    states = lose_messages(customer)
    compare(registry, after=timedelta(days=31))
    assert states.queries == [], "the cancellation is too long ago"
    compare(registry)
    assert states.queries == [("billing", [order["id"]])]


def test_an_order_that_is_being_placed_is_pending(customer: Harness, ines: Ask) -> None:
    order_id = f"bor_{uuid.uuid4().hex}"
    order_attempts.begin(order_id, user_id("ines"), PickupLocation(ROSSIO, "Rossio"))
    shopping = customer.as_user("shopping", "customer:states", kind="service")
    [item] = shopping("POST", "/customer/v1/state-queries", json={"subjects": [order_id]}).json()["items"]
    assert item["knowledge"] == "pending", "shopping would release its hold"


@pytest.mark.parametrize("step", ["paid", "packing", "packed"])
def test_an_order_whose_work_was_called_off_is_cancelled(customer: Harness, ines: Ask, step: str) -> None:
    order = place(ines)
    go(customer, order, *{"paid": ["pay"], "packing": ["pay", "pack"], "packed": ["pay", "pack", "packed"]}[step])
    states = lose_messages(customer)
    work_stopped = {"order_id": order["id"], "at": rfc3339(now())}
    states.know("admin", order["id"], ("admin.work.stopped.v1", work_stopped))
    compare(registry)
    assert state_of(ines, order) == "cancelled"


def mixed_return(customer: Harness, ask: Ask) -> tuple[dict[str, Any], dict[str, Any]]:
    """An order whose return has a good piece and a bad one, of 2000 each."""
    order = picked_up(customer, ask)
    returned = begun(ask, order)
    door(customer, returned["id"], "deposit")
    work(customer, "collecting", "done", returned["id"])
    check_pieces(customer, returned, {COAT: "good", HAT: "bad"})
    return order, returned


def test_good_pieces_beside_bad_ones_are_announced_until_they_are_paid_back(customer: Harness, ines: Ask) -> None:
    order, returned = mixed_return(customer, ines)
    states = lose_messages(customer)
    states.know("admin", returned["id"])
    announced = "customer.return_buying_order.state_changed.v1"
    before = customer.published(announced)
    compare(registry)
    assert customer.published(announced) == [*before, before[-1]]
    part = {"amount": 2000, "currency": "EUR"}
    states.know("billing", returned["id"], refund_made(order, returned["id"], amount=part))
    compare(registry, runs=3)
    assert read(ines, order)["refunds"][0]["amount"] == part
    assert len(customer.published(announced)) == len(before) + 1, "the rest waits for a decision"


def test_the_second_refund_of_a_return_is_requested_again(customer: Harness, ines: Ask) -> None:
    order, returned = mixed_return(customer, ines)
    agreed(customer, returned, 3000)
    first = refund_made(order, returned["id"], amount={"amount": 2000, "currency": "EUR"})
    second = refund_made(order, returned["id"], amount={"amount": 1000, "currency": "EUR"})
    customer.deliver(*first)
    states = lose_messages(customer)
    states.know("billing", returned["id"], first)
    announced = "customer.return_buying_order.state_changed.v1"
    before = customer.published(announced)
    compare(registry)
    assert customer.published(announced) == [*before, before[-1]]
    states.know("billing", returned["id"], first, second)
    compare(registry)
    assert read(ines, returned)["state"] == "completed"


def test_a_return_without_refund_is_announced_again_until_its_refund_is_there(customer: Harness, ines: Ask) -> None:
    order = picked_up(customer, ines)
    returned = begun(ines, order)
    check(customer, returned, "good")
    states = lose_messages(customer)
    announced = "customer.return_buying_order.state_changed.v1"
    before = customer.published(announced)
    compare(registry)
    assert customer.published(announced) == [*before, before[-1]]
    states.know("billing", returned["id"], refund_made(order, returned["id"]))
    compare(registry)
    assert ines("GET", f"{RETURNS}/{returned['id']}").json()["state"] == "completed"


def test_a_paid_order_without_packing_order_is_announced_again(customer: Harness, ines: Ask) -> None:
    order, known = place(ines), place(ines)
    for one in (order, known):
        pay(customer, one)
    states = lose_messages(customer)
    states.know("admin", known["id"], work_moved(known["id"], "packing", "open"))
    compare(registry)
    assert [event["order_id"] for event in customer.published(PAID)] == [order["id"], known["id"], order["id"]]


def test_work_whose_events_were_lost_moves_the_order(customer: Harness, ines: Ask) -> None:
    order = place(ines)
    pay(customer, order)
    states = lose_messages(customer)
    for hops, (kind, work_state, becomes) in enumerate(
        [
            ("packing", "assigned", "packing"),
            ("packing", "done", "packed"),
            ("shipping", "in_progress", "shipping"),
        ],
        start=1,
    ):
        states.know("admin", order["id"], work_moved(order["id"], kind, work_state))
        compare(registry, after=hops * LATER)
        assert state_of(ines, order) == becomes


def test_doors_whose_events_were_lost_move_the_order(customer: Harness, ines: Ask) -> None:
    order = place(ines)
    go(customer, order, "pay", "pack", "packed", "ship")
    states = lose_messages(customer)
    states.know("admin", order["id"], work_moved(order["id"], "shipping", "done"))
    states.know("locker", order["id"], door_used(order["id"], "ship"))
    compare(registry)
    assert state_of(ines, order) == "in_box"
    states.know("locker", order["id"], door_used(order["id"], "ship"), door_used(order["id"], "pick_up"))
    compare(registry, after=2 * LATER)
    assert state_of(ines, order) == "picked_up"


def test_a_deposit_whose_event_was_lost_is_known(customer: Harness, ines: Ask) -> None:
    donation = test_donating.submitted(ines)
    states = lose_messages(customer)
    compare(registry)
    assert test_donating.state_of(ines, donation["id"]) == "submitted"
    states.know("locker", donation["id"], door_used(donation["id"], "deposit"))
    compare(registry)
    assert test_donating.state_of(ines, donation["id"]) == "deposited"


def decided(order: dict[str, Any], return_id: str, amount: int) -> tuple[str, dict[str, Any]]:
    facts = {"return_id": return_id, "order_id": order["id"], "contacted_at": rfc3339(now()), "channel": "phone"}
    facts |= {"refund": {"amount": amount, "currency": "EUR"}, "decided_by": user_id("marta")}
    return "admin.return_contact.recorded.v1", facts | {"at": rfc3339(now())}


def test_a_refund_that_was_decided_without_us_is_known(customer: Harness, ines: Ask) -> None:
    order, returned = mixed_return(customer, ines)
    states = lose_messages(customer)
    states.know("admin", returned["id"])
    compare(registry, runs=4)
    assert read(ines, returned)["state"] == "checked_bad", "staff have not decided yet"
    states.know("admin", returned["id"], decided(order, returned["id"], 3000))
    compare(registry)
    assert (read(ines, returned)["state"], read(ines, returned)["refund"]["amount"]) == ("refund_decided", 3000)


def test_a_hand_over_whose_event_was_lost_recycles_the_donation(customer: Harness, ines: Ask) -> None:
    donation = test_donating.collected(customer, ines)
    test_donating.work(customer, "checking", "done", donation["id"], "bad")
    states = lose_messages(customer)
    left: dict[str, Any] = {
        "hand_over_id": "hov_" + "7" * 32,
        "factory_id": "fac_" + "6" * 32,
        "factory_name": "Fibra Nova",
    }
    left |= {"order_ids": [donation["id"]], "at": rfc3339(now())}
    states.know("admin", donation["id"], ("admin.handover.recorded.v1", left))
    compare(registry)
    assert test_donating.state_of(ines, donation["id"]) == "recycled"


def test_pieces_whose_events_were_lost_are_listed_and_sold(customer: Harness, ines: Ask) -> None:
    donation = test_donating.collected(customer, ines, test_donating.COAT, test_donating.COAT)
    test_donating.work(customer, "checking", "done", donation["id"], "good")
    facts = [
        {
            "product_id": "prd_" + item["id"].removeprefix("dit_"),
            "title": "Coat",
            "donation": {"order_id": donation["id"], "item_id": item["id"]},
        }
        for item in donation["items"]
    ]
    first, second = [("shopping.product.published.v1", fact) for fact in facts]
    sale = {"price": {"amount": 4900, "currency": "EUR"}, "buying_order_id": "bor_" + "1" * 32}
    states = lose_messages(customer)
    states.know("shopping", donation["id"], first)
    compare(registry)
    assert test_donating.state_of(ines, donation["id"]) == "listed"
    sold = [("shopping.product.sold.v1", fact | sale) for fact in facts]
    states.know("shopping", donation["id"], first, sold[0], second, sold[1])
    compare(registry, after=2 * LATER)
    customer.deliver(*sold[0])
    assert test_donating.state_of(ines, donation["id"]) == "sold"


def test_a_donation_goes_back_although_every_event_was_lost(customer: Harness, ines: Ask) -> None:
    donation = test_donating.collected(customer, ines)
    wanted = {"order_id": donation["id"], "location_id": ROSSIO}
    made = ines("POST", test_donating.RETURNS, json=wanted, key=uuid.uuid4().hex).json()
    states = lose_messages(customer)
    announced = "customer.return_donating_order.state_changed.v1"

    def state() -> str:
        return str(ines("GET", f"{test_donating.RETURNS}/{made['id']}").json()["state"])

    compare(registry)
    first, again = customer.published(announced)
    assert again == first, "billing makes the fee, should it not know of the return"
    states.know("billing", made["id"])
    compare(registry, runs=3)
    assert state() == "created", "the donor has not paid yet"
    fee = {"fee_id": "fee_" + "8" * 32, "kind": "delivery", "order_id": made["id"], "payer_id": user_id("ines")}
    fee |= {"amount": {"amount": 450, "currency": "EUR"}, "paid_at": rfc3339(now())}
    states.know("billing", made["id"], ("billing.fee.paid.v1", fee))
    compare(registry)
    assert state() == "paid"
    compare(registry, after=2 * LATER)
    assert customer.published(announced)[-1] == customer.published(announced)[-2], "admin has no packing order"
    for hops, (kind, work_state, becomes) in enumerate(
        [("packing", "assigned", "packing"), ("shipping", "in_progress", "shipping")], start=3
    ):
        states.know("admin", made["id"], work_moved(made["id"], kind, work_state))
        compare(registry, after=hops * LATER)
        assert state() == becomes


def test_a_peer_that_is_unavailable_is_asked_later_and_blocks_no_other(customer: Harness, ines: Ask) -> None:
    order, lost = place(ines), place(ines)
    states = lose_messages(customer)
    states.unavailable.add("billing")
    states.know("billing", order["id"], captured(order))
    states.know("shopping", order["id"])
    compare(registry)
    assert (state_of(ines, order), state_of(ines, lost)) == ("placed", "expired")
    states.unavailable.clear()
    customer.play_peers(states.answer)  # with a closed circuit breaker
    compare(registry)
    assert state_of(ines, order) == "paid"


def test_an_order_that_cannot_be_repaired_blocks_no_other(customer: Harness, ines: Ask) -> None:
    broken, order = sorted((place(ines), place(ines)), key=lambda one: str(one["id"]))
    states = lose_messages(customer)
    states.know("billing", broken["id"], ("billing.payment.captured.v1", {"order_id": broken["id"]}))
    states.know("billing", order["id"], captured(order))
    for one in (broken, order):
        states.know("shopping", one["id"])
    compare(registry, runs=3)
    assert (state_of(ines, broken), state_of(ines, order)) == ("placed", "paid")
    [(check, subject)] = reported()
    assert (check, subject) == ("placed_order_with_taken_payment", broken["id"])


def test_a_service_can_read_the_present_state_of_orders(customer: Harness, ines: Ask) -> None:
    placed, paid = place(ines), place(ines)
    pay(customer, paid)
    unknown = f"bor_{uuid.uuid4().hex}"
    billing = customer.as_user("billing", "customer:states", kind="service")
    before = len(customer.published(PAID))
    subjects = [placed["id"], paid["id"], unknown]
    answer = billing("POST", "/customer/v1/state-queries", json={"subjects": subjects})
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [(item["subject"], item["knowledge"]) for item in items] == [
        (placed["id"], "known"),
        (paid["id"], "known"),
        (unknown, "unknown"),
    ]
    assert [[event["type"] for event in item["events"]] for item in items] == [[], [PAID], []]
    assert len(customer.published(PAID)) == before, "the description is not published"
    assert ines("POST", "/customer/v1/state-queries", json={"subjects": subjects}).status_code == 403


def test_an_order_that_cannot_be_described_blocks_no_other(customer: Harness, ines: Ask) -> None:
    broken, order = place(ines), place(ines)
    for one in (broken, order):
        pay(customer, one)
    with db.unit_of_work() as session:
        session.execute(update(BuyingOrder).where(BuyingOrder.id == broken["id"]).values(payment_id="?"))
    shopping = customer.as_user("shopping", "customer:states", kind="service")
    subjects = {"subjects": [broken["id"], order["id"]]}
    items = shopping("POST", "/customer/v1/state-queries", json=subjects).json()["items"]
    assert [(item["knowledge"], len(item["events"])) for item in items] == [("failed", 0), ("known", 1)]


def test_an_outbox_row_that_was_deleted_is_written_again(customer: Harness, ines: Ask) -> None:
    order = place(ines)
    pay(customer, order)
    with db.unit_of_work() as session:
        for row in session.scalars(select(OutboxRow).where(OutboxRow.type == PAID)).all():
            session.delete(row)
    lose_messages(customer)
    compare(registry)
    assert [event["order_id"] for event in customer.published(PAID)] == [order["id"]]
