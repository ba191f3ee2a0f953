"""Orders whose events were lost: the job asks the other domains, repairs the order or reports it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from libs.chassis import consistency, db
from libs.chassis.clock import now, rfc3339
from libs.chassis.tables import OutboxRow
from services.customer.buying_orders import placements
from services.customer.buying_orders.tables import BuyingOrder
from services.customer.registry import registry
from services.customer.service_clients import Location
from tests.integration.customer import test_donating_orders as donating
from tests.integration.customer.buying_support import (
    COAT,
    HAT,
    ORDERS,
    RETURNS,
    SCOPES,
    Send,
    advance,
    agree_on_refund,
    change_work,
    check_items,
    create_return,
    deposit_and_check,
    pay,
    payment_id_of,
    place,
    place_and_pick_up,
    read,
    use_door,
)
from tests.integration.customer.conftest import BOX, ROSSIO, TIME_ZONE, FakePeers
from tests.support.harness import Harness, user_id
from tests.support.states import LATER, PeerStates, attempted, compare, reported

PAID, MOVED = "customer.buying_order.paid.v1", "customer.buying_order.state_changed.v1"


@pytest.fixture
def ines(customer: Harness, peers: FakePeers) -> Send:
    return customer.as_user("ines", f"{SCOPES} customer:donating-orders")


def lose_messages(customer: Harness) -> PeerStates:
    """From now on the other domains answer state queries only."""
    peer_states = PeerStates()
    customer.play_peers(peer_states.answer)
    return peer_states


def state_of(send: Send, order: dict[str, Any]) -> str:
    return str(send("GET", f"{ORDERS}/{order['id']}").json()["state"])


def captured(order: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    facts = {"payment_id": payment_id_of(order), "order_id": order["id"], "buyer_id": order["buyer_id"]}
    facts |= {"amount": order["total"], "captured_at": rfc3339(now()), "method": "card", "coins": None}
    return "billing.payment.captured.v1", facts


def voided(order: dict[str, Any], reason_code: str) -> tuple[str, dict[str, Any]]:
    facts = {"payment_id": payment_id_of(order), "order_id": order["id"], "buyer_id": order["buyer_id"]}
    return "billing.payment.voided.v1", facts | {"reason": "", "method": "card", "reason_code": reason_code}


def refund_made(order: dict[str, Any], return_id: str | None = None, **changed: Any) -> tuple[str, dict[str, Any]]:
    facts = {"refund_id": f"rfd_{uuid.uuid4().hex}", "payment_id": payment_id_of(order), "order_id": order["id"]}
    facts |= {"return_id": return_id, "replaces": None, "buyer_id": order["buyer_id"], "amount": order["total"]}
    facts |= {"method": "card", "coins": None, "completed_at": rfc3339(now())}
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


def test_an_order_whose_captured_event_was_lost_is_paid(customer: Harness, ines: Send) -> None:
    order = place(ines)
    peer_states = lose_messages(customer)
    peer_states.know("billing", order["id"], captured(order))
    peer_states.know("shopping", order["id"])
    peer_states.know("admin", order["id"], work_moved(order["id"], "packing", "open"))
    compare(registry)
    assert state_of(ines, order) == "paid"
    [event] = customer.published(PAID)
    assert event["order_id"] == order["id"]
    compare(registry)
    assert len(customer.published(PAID)) == 1
    assert reported() == {}


def test_an_order_that_waits_for_its_buyer_is_left_alone(customer: Harness, ines: Send) -> None:
    order = place(ines)
    peer_states = lose_messages(customer)
    peer_states.know("shopping", order["id"])
    compare(registry, runs=4)
    assert state_of(ines, order) == "placed"
    assert attempted() == set()


def test_a_young_order_is_not_asked_about(customer: Harness, ines: Send) -> None:
    place(ines)
    peer_states = lose_messages(customer)
    consistency.compare_with_other_domains(registry)
    assert peer_states.queries == []


@pytest.mark.parametrize("is_known", [True, False])
def test_an_order_without_its_hold_expires(customer: Harness, ines: Send, is_known: bool) -> None:
    """The released event was lost, or the document of the hold."""
    order = place(ines)
    peer_states = lose_messages(customer)
    if is_known:
        peer_states.know("shopping", order["id"], released(order))
    compare(registry)
    assert state_of(ines, order) == "expired"


def test_an_order_whose_sale_was_not_paid_is_cancelled(customer: Harness, ines: Send) -> None:
    failed, given_back = place(ines), place(ines)
    peer_states = lose_messages(customer)
    peer_states.know("billing", failed["id"], voided(failed, "sale_not_paid"))
    peer_states.know("billing", given_back["id"], voided(given_back, "order_not_kept"))
    for order in (failed, given_back):
        peer_states.know("shopping", order["id"])
    compare(registry)
    assert (state_of(ines, failed), state_of(ines, given_back)) == ("cancelled", "placed")


def cancelled_after_payment(customer: Harness, send: Send) -> dict[str, Any]:
    order = place(send)
    pay(customer, order)
    response = send("POST", f"{ORDERS}/{order['id']}/cancellation")
    assert response.status_code == 200, response.text
    return order


def test_a_cancelled_order_without_refund_is_announced_again_and_then_reported(
    customer: Harness, ines: Send
) -> None:
    order = cancelled_after_payment(customer, ines)
    peer_states = lose_messages(customer)
    peer_states.know("billing", order["id"], captured(order))
    compare(registry)
    first, again = customer.published(MOVED)
    assert again == first, "billing receives the cancellation once more"
    compare(registry, runs=2)
    deposit_and_check = ("cancelled_order_without_refund", order["id"])
    assert reported() == {deposit_and_check: "the peer has not acted on it"}
    compare(registry, runs=2)
    assert len(customer.published(MOVED)) == 4, "it is not announced without end"


def test_a_refund_that_is_pending_is_awaited(customer: Harness, ines: Send) -> None:
    order = cancelled_after_payment(customer, ines)
    peer_states = lose_messages(customer)
    peer_states.know("billing", order["id"], knowledge="pending")
    compare(registry, runs=4)
    assert len(customer.published(MOVED)) == 1
    assert attempted() == set()


def test_a_refund_whose_event_was_lost_is_shown(customer: Harness, ines: Send) -> None:
    order = cancelled_after_payment(customer, ines)
    peer_states = lose_messages(customer)
    peer_states.know("billing", order["id"], refund_made(order))
    compare(registry)
    [refund] = ines("GET", f"{ORDERS}/{order['id']}").json()["refunds"]
    assert refund["amount"] == order["total"]
    compare(registry, runs=3)
    assert reported() == {}


@pytest.mark.parametrize("is_known", [True, False])
def test_the_refund_of_a_replaced_payment_is_not_that_of_the_order(
    customer: Harness, ines: Send, is_known: bool
) -> None:
    """Its late capture went back by itself; the payment of the sale has to go back as well."""
    order = cancelled_after_payment(customer, ines)
    late = refund_made(order, payment_id="pay_" + "9" * 32)
    if is_known:
        customer.deliver(*late)
    peer_states = lose_messages(customer)
    peer_states.know("billing", order["id"], captured(order), late)
    compare(registry)
    first, again = customer.published(MOVED)
    assert again == first
    peer_states.know("billing", order["id"], captured(order), late, refund_made(order))
    compare(registry, runs=3)
    assert read(ines, order)["refunds"][-1]["amount"] == order["total"]
    assert len(customer.published(MOVED)) == 2


def test_an_old_order_that_was_cancelled_today_is_compared(customer: Harness, ines: Send) -> None:
    order = cancelled_after_payment(customer, ines)
    with db.unit_of_work() as session:
        session.execute(update(BuyingOrder).values(placed_at=now() - timedelta(days=60)))
    peer_states = lose_messages(customer)
    compare(registry, after=timedelta(days=31))
    assert peer_states.queries == [], "the cancellation is too long ago"
    compare(registry)
    assert peer_states.queries == [("billing", [order["id"]])]


def test_an_order_that_is_being_placed_is_pending(customer: Harness, ines: Send) -> None:
    order_id = f"bor_{uuid.uuid4().hex}"
    with db.unit_of_work():
        placements.start(order_id, user_id("ines"), Location(ROSSIO, "Rossio", TIME_ZONE))
    shopping = customer.as_user("shopping", "customer:states", kind="service")
    [item] = shopping("POST", "/customer/v1/state-queries", json={"subjects": [order_id]}).json()["items"]
    assert item["knowledge"] == "pending", "shopping would release its hold"


@pytest.mark.parametrize("step", ["paid", "packing", "packed"])
def test_an_order_whose_work_was_called_off_is_cancelled(customer: Harness, ines: Send, step: str) -> None:
    order = place(ines)
    advance(
        customer, order, *{"paid": ["pay"], "packing": ["pay", "pack"], "packed": ["pay", "pack", "packed"]}[step]
    )
    peer_states = lose_messages(customer)
    work_stopped = {"order_id": order["id"], "at": rfc3339(now())}
    peer_states.know("admin", order["id"], ("admin.work.stopped.v1", work_stopped))
    compare(registry)
    assert state_of(ines, order) == "cancelled"


def mixed_return(customer: Harness, send: Send) -> tuple[dict[str, Any], dict[str, Any]]:
    """An order whose return has a good piece and a bad one, of 2000 each."""
    order = place_and_pick_up(customer, send)
    returned = create_return(send, order)
    use_door(customer, returned["id"], "deposit")
    change_work(customer, "collecting", "done", returned["id"])
    check_items(customer, returned, {COAT: "good", HAT: "bad"})
    return order, returned


def test_good_pieces_beside_bad_ones_are_announced_until_they_are_paid_back(customer: Harness, ines: Send) -> None:
    order, returned = mixed_return(customer, ines)
    peer_states = lose_messages(customer)
    peer_states.know("admin", returned["id"])
    announced = "customer.buying_return.state_changed.v1"
    before = customer.published(announced)
    compare(registry)
    assert customer.published(announced) == [*before, before[-1]]
    part = {"amount": 2000, "currency": "EUR"}
    peer_states.know("billing", returned["id"], refund_made(order, returned["id"], amount=part))
    compare(registry, runs=3)
    assert read(ines, order)["refunds"][0]["amount"] == part
    assert len(customer.published(announced)) == len(before) + 1, "the rest waits for a decision"


def test_the_second_refund_of_a_return_is_requested_again(customer: Harness, ines: Send) -> None:
    order, returned = mixed_return(customer, ines)
    agree_on_refund(customer, returned, 3000)
    first = refund_made(order, returned["id"], amount={"amount": 2000, "currency": "EUR"})
    second = refund_made(order, returned["id"], amount={"amount": 1000, "currency": "EUR"})
    customer.deliver(*first)
    peer_states = lose_messages(customer)
    peer_states.know("billing", returned["id"], first)
    announced = "customer.buying_return.state_changed.v1"
    before = customer.published(announced)
    compare(registry)
    assert customer.published(announced) == [*before, before[-1]]
    peer_states.know("billing", returned["id"], first, second)
    compare(registry)
    assert read(ines, returned)["state"] == "completed"


def test_a_return_without_refund_is_announced_again_until_its_refund_is_there(
    customer: Harness, ines: Send
) -> None:
    order = place_and_pick_up(customer, ines)
    returned = create_return(ines, order)
    deposit_and_check(customer, returned, "good")
    peer_states = lose_messages(customer)
    announced = "customer.buying_return.state_changed.v1"
    before = customer.published(announced)
    compare(registry)
    assert customer.published(announced) == [*before, before[-1]]
    peer_states.know("billing", returned["id"], refund_made(order, returned["id"]))
    compare(registry)
    assert ines("GET", f"{RETURNS}/{returned['id']}").json()["state"] == "completed"


def test_a_paid_order_without_packing_order_is_announced_again(customer: Harness, ines: Send) -> None:
    order, known = place(ines), place(ines)
    for one in (order, known):
        pay(customer, one)
    peer_states = lose_messages(customer)
    peer_states.know("admin", known["id"], work_moved(known["id"], "packing", "open"))
    compare(registry)
    assert [event["order_id"] for event in customer.published(PAID)] == [order["id"], known["id"], order["id"]]


def test_work_whose_events_were_lost_moves_the_order(customer: Harness, ines: Send) -> None:
    order = place(ines)
    pay(customer, order)
    peer_states = lose_messages(customer)
    for hops, (kind, work_state, becomes) in enumerate(
        [
            ("packing", "assigned", "packing"),
            ("packing", "done", "packed"),
            ("shipping", "in_progress", "shipping"),
        ],
        start=1,
    ):
        peer_states.know("admin", order["id"], work_moved(order["id"], kind, work_state))
        compare(registry, after=hops * LATER)
        assert state_of(ines, order) == becomes


def test_doors_whose_events_were_lost_move_the_order(customer: Harness, ines: Send) -> None:
    order = place(ines)
    advance(customer, order, "pay", "pack", "packed", "ship")
    peer_states = lose_messages(customer)
    peer_states.know("admin", order["id"], work_moved(order["id"], "shipping", "done"))
    peer_states.know("locker", order["id"], door_used(order["id"], "ship"))
    compare(registry)
    assert state_of(ines, order) == "in_box"
    peer_states.know("locker", order["id"], door_used(order["id"], "ship"), door_used(order["id"], "pick_up"))
    compare(registry, after=2 * LATER)
    assert state_of(ines, order) == "picked_up"


def test_a_deposit_whose_event_was_lost_is_known(customer: Harness, ines: Send) -> None:
    donation = donating.create_submitted(ines)
    peer_states = lose_messages(customer)
    compare(registry)
    assert donating.state_of(ines, donation["id"]) == "submitted"
    peer_states.know("locker", donation["id"], door_used(donation["id"], "deposit"))
    compare(registry)
    assert donating.state_of(ines, donation["id"]) == "deposited"


def decided(order: dict[str, Any], return_id: str, amount: int) -> tuple[str, dict[str, Any]]:
    facts = {"return_id": return_id, "order_id": order["id"], "contacted_at": rfc3339(now()), "channel": "phone"}
    facts |= {"refund": {"amount": amount, "currency": "EUR"}, "decided_by": user_id("marta")}
    return "admin.return_contact.recorded.v1", facts | {"at": rfc3339(now())}


def test_a_refund_that_was_decided_without_us_is_known(customer: Harness, ines: Send) -> None:
    order, returned = mixed_return(customer, ines)
    peer_states = lose_messages(customer)
    peer_states.know("admin", returned["id"])
    compare(registry, runs=4)
    assert read(ines, returned)["state"] == "checked_bad", "staff have not decided yet"
    peer_states.know("admin", returned["id"], decided(order, returned["id"], 3000))
    compare(registry)
    assert (read(ines, returned)["state"], read(ines, returned)["refund"]["amount"]) == ("refund_decided", 3000)


def test_a_hand_over_whose_event_was_lost_recycles_the_donation(customer: Harness, ines: Send) -> None:
    donation = donating.create_collected(customer, ines)
    donating.change_work(customer, "checking", "done", donation["id"], "bad")
    peer_states = lose_messages(customer)
    left: dict[str, Any] = {
        "handover_id": "hov_" + "7" * 32,
        "factory_id": "fac_" + "6" * 32,
        "factory_name": "Fibra Nova",
    }
    left |= {"order_ids": [donation["id"]], "at": rfc3339(now())}
    peer_states.know("admin", donation["id"], ("admin.handover.recorded.v1", left))
    compare(registry)
    assert donating.state_of(ines, donation["id"]) == "recycled"


def test_pieces_whose_events_were_lost_are_listed_and_sold(customer: Harness, ines: Send) -> None:
    donation = donating.create_collected(customer, ines, donating.COAT, donating.COAT)
    donating.change_work(customer, "checking", "done", donation["id"], "good")
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
    peer_states = lose_messages(customer)
    peer_states.know("shopping", donation["id"], first)
    compare(registry)
    assert donating.state_of(ines, donation["id"]) == "listed"
    sold = [("shopping.product.sold.v1", fact | sale) for fact in facts]
    peer_states.know("shopping", donation["id"], first, sold[0], second, sold[1])
    compare(registry, after=2 * LATER)
    customer.deliver(*sold[0])
    assert donating.state_of(ines, donation["id"]) == "sold"


def test_a_donation_goes_back_although_every_event_was_lost(customer: Harness, ines: Send) -> None:
    donation = donating.create_collected(customer, ines)
    body = {"order_id": donation["id"], "location_id": ROSSIO}
    made = ines("POST", donating.RETURNS, json=body, key=uuid.uuid4().hex).json()
    peer_states = lose_messages(customer)
    announced = "customer.donation_return.state_changed.v1"

    def state() -> str:
        return str(ines("GET", f"{donating.RETURNS}/{made['id']}").json()["state"])

    compare(registry)
    first, again = customer.published(announced)
    assert again == first, "billing makes the fee, should it not know of the return"
    peer_states.know("billing", made["id"])
    compare(registry, runs=3)
    assert state() == "created", "the donor has not paid yet"
    fee = {"fee_id": "fee_" + "8" * 32, "kind": "delivery", "order_id": made["id"], "payer_id": user_id("ines")}
    fee |= {"amount": {"amount": 450, "currency": "EUR"}, "paid_at": rfc3339(now())}
    peer_states.know("billing", made["id"], ("billing.fee.paid.v1", fee))
    compare(registry)
    assert state() == "paid"
    compare(registry, after=2 * LATER)
    assert customer.published(announced)[-1] == customer.published(announced)[-2], "admin has no packing order"
    for hops, (kind, work_state, becomes) in enumerate(
        [("packing", "assigned", "packing"), ("shipping", "in_progress", "shipping")], start=3
    ):
        peer_states.know("admin", made["id"], work_moved(made["id"], kind, work_state))
        compare(registry, after=hops * LATER)
        assert state() == becomes


def test_a_peer_that_is_unavailable_is_asked_later_and_blocks_no_other(customer: Harness, ines: Send) -> None:
    order, lost = place(ines), place(ines)
    peer_states = lose_messages(customer)
    peer_states.unavailable.add("billing")
    peer_states.know("billing", order["id"], captured(order))
    peer_states.know("shopping", order["id"])
    compare(registry)
    assert (state_of(ines, order), state_of(ines, lost)) == ("placed", "expired")
    peer_states.unavailable.clear()
    customer.play_peers(peer_states.answer)  # with a closed circuit breaker
    compare(registry)
    assert state_of(ines, order) == "paid"


def test_an_order_that_cannot_be_repaired_blocks_no_other(customer: Harness, ines: Send) -> None:
    broken, order = sorted((place(ines), place(ines)), key=lambda one: str(one["id"]))
    peer_states = lose_messages(customer)
    peer_states.know("billing", broken["id"], ("billing.payment.captured.v1", {"order_id": broken["id"]}))
    peer_states.know("billing", order["id"], captured(order))
    for one in (broken, order):
        peer_states.know("shopping", one["id"])
    compare(registry, runs=3)
    assert (state_of(ines, broken), state_of(ines, order)) == ("placed", "paid")
    [(deposit_and_check, subject)] = reported()
    assert (deposit_and_check, subject) == ("placed_order_with_taken_payment", broken["id"])


def test_a_service_can_read_the_present_state_of_orders(customer: Harness, ines: Send) -> None:
    placed, paid = place(ines), place(ines)
    pay(customer, paid)
    unknown = f"bor_{uuid.uuid4().hex}"
    billing = customer.as_user("billing", "customer:states", kind="service")
    before = len(customer.published(PAID))
    subjects = [placed["id"], paid["id"], unknown]
    response = billing("POST", "/customer/v1/state-queries", json={"subjects": subjects})
    assert response.status_code == 200, response.text
    items = response.json()["items"]
    assert [(item["subject"], item["knowledge"]) for item in items] == [
        (placed["id"], "known"),
        (paid["id"], "known"),
        (unknown, "unknown"),
    ]
    assert [[event["type"] for event in item["events"]] for item in items] == [[], [PAID], []]
    assert len(customer.published(PAID)) == before, "the description is not published"
    assert ines("POST", "/customer/v1/state-queries", json={"subjects": subjects}).status_code == 403


def test_an_order_that_cannot_be_described_blocks_no_other(customer: Harness, ines: Send) -> None:
    broken, order = place(ines), place(ines)
    for one in (broken, order):
        pay(customer, one)
    with db.unit_of_work() as session:
        session.execute(update(BuyingOrder).where(BuyingOrder.id == broken["id"]).values(payment_id="?"))
    shopping = customer.as_user("shopping", "customer:states", kind="service")
    subjects = {"subjects": [broken["id"], order["id"]]}
    items = shopping("POST", "/customer/v1/state-queries", json=subjects).json()["items"]
    assert [(item["knowledge"], len(item["events"])) for item in items] == [("failed", 0), ("known", 1)]


def test_an_outbox_row_that_was_deleted_is_written_again(customer: Harness, ines: Send) -> None:
    order = place(ines)
    pay(customer, order)
    with db.unit_of_work() as session:
        for row in session.scalars(select(OutboxRow).where(OutboxRow.type == PAID)).all():
            session.delete(row)
    lose_messages(customer)
    compare(registry)
    assert [event["order_id"] for event in customer.published(PAID)] == [order["id"]]
