"""Orders whose events were lost: the job queries the other domains, repairs the order or reports it."""

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
from tests.integration.customer import donating_support as donating
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


def deliver_no_events(customer: Harness) -> PeerStates:
    """Let the other domains respond to state queries only from now on."""
    peer_states = PeerStates()
    customer.play_peers(peer_states.respond)
    return peer_states


def state_of(send: Send, order: dict[str, Any]) -> str:
    return str(send("GET", f"{ORDERS}/{order['id']}").json()["state"])


def build_captured(order: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    data = {"payment_id": payment_id_of(order), "order_id": order["id"], "buyer_id": order["buyer_id"]}
    data |= {"amount": order["total"], "captured_at": rfc3339(now()), "method": "card", "coins": None}
    return "billing.payment.captured.v1", data


def build_voided(order: dict[str, Any], reason_code: str) -> tuple[str, dict[str, Any]]:
    data = {"payment_id": payment_id_of(order), "order_id": order["id"], "buyer_id": order["buyer_id"]}
    return "billing.payment.voided.v1", data | {"reason": "", "method": "card", "reason_code": reason_code}


def build_refund(order: dict[str, Any], return_id: str | None = None, **changed: Any) -> tuple[str, dict[str, Any]]:
    data = {"refund_id": f"rfd_{uuid.uuid4().hex}", "payment_id": payment_id_of(order), "order_id": order["id"]}
    data |= {"return_id": return_id, "replaces": None, "buyer_id": order["buyer_id"], "amount": order["total"]}
    data |= {"method": "card", "coins": None, "completed_at": rfc3339(now())}
    return "billing.refund.completed.v1", data | changed


def build_released(order: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    data = {"order_id": order["id"], "buyer_id": order["buyer_id"], "product_ids": [], "reason": "lapsed"}
    return "shopping.hold.released.v1", data


def build_work_event(order_id: str, kind: str, state: str) -> tuple[str, dict[str, Any]]:
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


def build_door_event(order_id: str, purpose: str) -> tuple[str, dict[str, Any]]:
    data = {"right_id": f"rgt_{uuid.uuid4().hex}", "purpose": purpose, "order_id": order_id}
    data |= {"person_id": user_id("ines"), "location_id": ROSSIO, "location_name": "Rossio", "box_id": BOX}
    is_occupied = purpose in ("deposit", "ship")
    return "locker.door.used.v1", data | {"is_occupied": is_occupied, "at": rfc3339(now())}


def test_an_order_whose_captured_event_was_lost_is_paid(customer: Harness, ines: Send) -> None:
    order = place(ines)
    peer_states = deliver_no_events(customer)
    peer_states.know("billing", order["id"], build_captured(order))
    peer_states.know("shopping", order["id"])
    peer_states.know("admin", order["id"], build_work_event(order["id"], "packing", "open"))
    compare(registry)
    assert state_of(ines, order) == "paid"
    [event] = customer.published(PAID)
    assert event["order_id"] == order["id"]
    compare(registry)
    assert len(customer.published(PAID)) == 1
    assert reported() == {}


def test_an_order_that_waits_for_its_buyer_does_not_change(customer: Harness, ines: Send) -> None:
    order = place(ines)
    peer_states = deliver_no_events(customer)
    peer_states.know("shopping", order["id"])
    compare(registry, runs=4)
    assert state_of(ines, order) == "placed"
    assert attempted() == set()


def test_a_recent_order_is_not_compared(customer: Harness, ines: Send) -> None:
    place(ines)
    peer_states = deliver_no_events(customer)
    consistency.compare_with_other_domains(registry)
    assert peer_states.queries == []


@pytest.mark.parametrize("is_known", [True, False])
def test_an_order_without_its_hold_expires(customer: Harness, ines: Send, is_known: bool) -> None:
    """The event of its release was lost, or the hold itself."""
    order = place(ines)
    peer_states = deliver_no_events(customer)
    if is_known:
        peer_states.know("shopping", order["id"], build_released(order))
    compare(registry)
    assert state_of(ines, order) == "expired"


def test_an_order_whose_sale_was_not_paid_is_cancelled(customer: Harness, ines: Send) -> None:
    failed, given_back = place(ines), place(ines)
    peer_states = deliver_no_events(customer)
    peer_states.know("billing", failed["id"], build_voided(failed, "sale_not_paid"))
    peer_states.know("billing", given_back["id"], build_voided(given_back, "order_ended"))
    for order in (failed, given_back):
        peer_states.know("shopping", order["id"])
    compare(registry)
    assert (state_of(ines, failed), state_of(ines, given_back)) == ("cancelled", "placed")


def create_cancelled_after_payment(customer: Harness, send: Send) -> dict[str, Any]:
    order = place(send)
    pay(customer, order)
    response = send("POST", f"{ORDERS}/{order['id']}/cancellation")
    assert response.status_code == 200, response.text
    return order


def test_a_cancelled_order_without_refund_is_republished_and_then_reported(customer: Harness, ines: Send) -> None:
    order = create_cancelled_after_payment(customer, ines)
    peer_states = deliver_no_events(customer)
    peer_states.know("billing", order["id"], build_captured(order))
    compare(registry)
    first, again = customer.published(MOVED)
    assert again == first, "billing receives the cancellation again"
    compare(registry, runs=2)
    check_id = ("cancelled_order_without_refund", order["id"])
    assert reported() == {check_id: "the peer has not acted on it"}
    compare(registry, runs=2)
    assert len(customer.published(MOVED)) == 4, "it is not republished endlessly"


def test_a_pending_refund_is_no_discrepancy(customer: Harness, ines: Send) -> None:
    order = create_cancelled_after_payment(customer, ines)
    peer_states = deliver_no_events(customer)
    peer_states.know("billing", order["id"], knowledge="pending")
    compare(registry, runs=4)
    assert len(customer.published(MOVED)) == 1
    assert attempted() == set()


def test_a_refund_whose_event_was_lost_is_shown(customer: Harness, ines: Send) -> None:
    order = create_cancelled_after_payment(customer, ines)
    peer_states = deliver_no_events(customer)
    peer_states.know("billing", order["id"], build_refund(order))
    compare(registry)
    [refund] = ines("GET", f"{ORDERS}/{order['id']}").json()["refunds"]
    assert refund["amount"] == order["total"]
    compare(registry, runs=3)
    assert reported() == {}


@pytest.mark.parametrize("is_known", [True, False])
def test_the_refund_of_a_replaced_payment_is_not_that_of_the_order(
    customer: Harness, ines: Send, is_known: bool
) -> None:
    """Its late capture was refunded on its own; the payment of the sale has to be refunded as well."""
    order = create_cancelled_after_payment(customer, ines)
    late = build_refund(order, payment_id="pay_" + "9" * 32)
    if is_known:
        customer.deliver(*late)
    peer_states = deliver_no_events(customer)
    peer_states.know("billing", order["id"], build_captured(order), late)
    compare(registry)
    first, again = customer.published(MOVED)
    assert again == first
    peer_states.know("billing", order["id"], build_captured(order), late, build_refund(order))
    compare(registry, runs=3)
    assert read(ines, order)["refunds"][-1]["amount"] == order["total"]
    assert len(customer.published(MOVED)) == 2


def test_an_old_order_with_a_recent_cancellation_is_compared(customer: Harness, ines: Send) -> None:
    order = create_cancelled_after_payment(customer, ines)
    with db.unit_of_work() as session:
        session.execute(update(BuyingOrder).values(placed_at=now() - timedelta(days=60)))
    peer_states = deliver_no_events(customer)
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
def test_an_order_whose_work_was_stopped_is_cancelled(customer: Harness, ines: Send, step: str) -> None:
    order = place(ines)
    advance(
        customer, order, *{"paid": ["pay"], "packing": ["pay", "pack"], "packed": ["pay", "pack", "packed"]}[step]
    )
    peer_states = deliver_no_events(customer)
    work_stopped = {"order_id": order["id"], "at": rfc3339(now())}
    peer_states.know("admin", order["id"], ("admin.work.stopped.v1", work_stopped))
    compare(registry)
    assert state_of(ines, order) == "cancelled"


def create_mixed_return(customer: Harness, send: Send) -> tuple[dict[str, Any], dict[str, Any]]:
    """An order whose return has a good item and a bad one, of 2000 each."""
    order = place_and_pick_up(customer, send)
    returned = create_return(send, order)
    use_door(customer, returned["id"], "deposit")
    change_work(customer, "collecting", "done", returned["id"])
    check_items(customer, returned, {COAT: "good", HAT: "bad"})
    return order, returned


def test_a_return_is_republished_until_its_good_items_are_refunded(customer: Harness, ines: Send) -> None:
    order, returned = create_mixed_return(customer, ines)
    peer_states = deliver_no_events(customer)
    peer_states.know("admin", returned["id"])
    event_type = "customer.buying_return.state_changed.v1"
    before = customer.published(event_type)
    compare(registry)
    assert customer.published(event_type) == [*before, before[-1]]
    part = {"amount": 2000, "currency": "EUR"}
    peer_states.know("billing", returned["id"], build_refund(order, returned["id"], amount=part))
    compare(registry, runs=3)
    assert read(ines, order)["refunds"][0]["amount"] == part
    assert len(customer.published(event_type)) == len(before) + 1, "the rest waits for a decision"


def test_the_second_refund_of_a_return_is_requested_again(customer: Harness, ines: Send) -> None:
    order, returned = create_mixed_return(customer, ines)
    agree_on_refund(customer, returned, 3000)
    first = build_refund(order, returned["id"], amount={"amount": 2000, "currency": "EUR"})
    second = build_refund(order, returned["id"], amount={"amount": 1000, "currency": "EUR"})
    customer.deliver(*first)
    peer_states = deliver_no_events(customer)
    peer_states.know("billing", returned["id"], first)
    event_type = "customer.buying_return.state_changed.v1"
    before = customer.published(event_type)
    compare(registry)
    assert customer.published(event_type) == [*before, before[-1]]
    peer_states.know("billing", returned["id"], first, second)
    compare(registry)
    assert read(ines, returned)["state"] == "completed"


def test_a_return_without_refund_is_republished_until_its_refund_arrives(customer: Harness, ines: Send) -> None:
    order = place_and_pick_up(customer, ines)
    returned = create_return(ines, order)
    deposit_and_check(customer, returned, "good")
    peer_states = deliver_no_events(customer)
    event_type = "customer.buying_return.state_changed.v1"
    before = customer.published(event_type)
    compare(registry)
    assert customer.published(event_type) == [*before, before[-1]]
    peer_states.know("billing", returned["id"], build_refund(order, returned["id"]))
    compare(registry)
    assert ines("GET", f"{RETURNS}/{returned['id']}").json()["state"] == "completed"


def test_a_paid_order_without_packing_order_is_republished(customer: Harness, ines: Send) -> None:
    order, known = place(ines), place(ines)
    for one in (order, known):
        pay(customer, one)
    peer_states = deliver_no_events(customer)
    peer_states.know("admin", known["id"], build_work_event(known["id"], "packing", "open"))
    compare(registry)
    assert [event["order_id"] for event in customer.published(PAID)] == [order["id"], known["id"], order["id"]]


def test_lost_work_events_are_applied(customer: Harness, ines: Send) -> None:
    order = place(ines)
    pay(customer, order)
    peer_states = deliver_no_events(customer)
    for hops, (kind, work_state, becomes) in enumerate(
        [
            ("packing", "assigned", "packing"),
            ("packing", "done", "packed"),
            ("shipping", "in_progress", "shipping"),
        ],
        start=1,
    ):
        peer_states.know("admin", order["id"], build_work_event(order["id"], kind, work_state))
        compare(registry, after=hops * LATER)
        assert state_of(ines, order) == becomes


def test_lost_door_events_are_applied(customer: Harness, ines: Send) -> None:
    order = place(ines)
    advance(customer, order, "pay", "pack", "packed", "ship")
    peer_states = deliver_no_events(customer)
    peer_states.know("admin", order["id"], build_work_event(order["id"], "shipping", "done"))
    peer_states.know("locker", order["id"], build_door_event(order["id"], "ship"))
    compare(registry)
    assert state_of(ines, order) == "in_box"
    peer_states.know(
        "locker", order["id"], build_door_event(order["id"], "ship"), build_door_event(order["id"], "pick_up")
    )
    compare(registry, after=2 * LATER)
    assert state_of(ines, order) == "picked_up"


def test_a_lost_deposit_event_is_applied(customer: Harness, ines: Send) -> None:
    donation = donating.create_submitted(ines)
    peer_states = deliver_no_events(customer)
    compare(registry)
    assert donating.state_of(ines, donation["id"]) == "submitted"
    peer_states.know("locker", donation["id"], build_door_event(donation["id"], "deposit"))
    compare(registry)
    assert donating.state_of(ines, donation["id"]) == "deposited"


def build_decision(order: dict[str, Any], return_id: str, amount: int) -> tuple[str, dict[str, Any]]:
    data = {"return_id": return_id, "order_id": order["id"], "contacted_at": rfc3339(now()), "channel": "phone"}
    data |= {"refund": {"amount": amount, "currency": "EUR"}, "decided_by": user_id("marta")}
    return "admin.return_contact.recorded.v1", data | {"at": rfc3339(now())}


def test_a_lost_refund_decision_is_applied(customer: Harness, ines: Send) -> None:
    order, returned = create_mixed_return(customer, ines)
    peer_states = deliver_no_events(customer)
    peer_states.know("admin", returned["id"])
    compare(registry, runs=4)
    assert read(ines, returned)["state"] == "checked_bad", "staff have not decided yet"
    peer_states.know("admin", returned["id"], build_decision(order, returned["id"], 3000))
    compare(registry)
    assert (read(ines, returned)["state"], read(ines, returned)["refund"]["amount"]) == ("refund_decided", 3000)


def test_a_lost_handover_event_recycles_the_donation(customer: Harness, ines: Send) -> None:
    donation = donating.create_collected(customer, ines)
    donating.change_work(customer, "checking", "done", donation["id"], "bad")
    peer_states = deliver_no_events(customer)
    left: dict[str, Any] = {
        "handover_id": "hov_" + "7" * 32,
        "factory_id": "fac_" + "6" * 32,
        "factory_name": "Fibra Nova",
    }
    left |= {"order_ids": [donation["id"]], "at": rfc3339(now())}
    peer_states.know("admin", donation["id"], ("admin.handover.recorded.v1", left))
    compare(registry)
    assert donating.state_of(ines, donation["id"]) == "recycled"


def test_lost_product_events_list_and_sell_the_donation(customer: Harness, ines: Send) -> None:
    donation = donating.create_collected(customer, ines, donating.COAT, donating.COAT)
    donating.change_work(customer, "checking", "done", donation["id"], "good")
    products = [
        {
            "product_id": "prd_" + item["id"].removeprefix("dit_"),
            "title": "Coat",
            "donation": {"order_id": donation["id"], "item_id": item["id"]},
        }
        for item in donation["items"]
    ]
    first, second = [("shopping.product.published.v1", data) for data in products]
    sale = {"price": {"amount": 4900, "currency": "EUR"}, "buying_order_id": "bor_" + "1" * 32}
    peer_states = deliver_no_events(customer)
    peer_states.know("shopping", donation["id"], first)
    compare(registry)
    assert donating.state_of(ines, donation["id"]) == "listed"
    sold = [("shopping.product.sold.v1", data | sale) for data in products]
    peer_states.know("shopping", donation["id"], first, sold[0], second, sold[1])
    compare(registry, after=2 * LATER)
    customer.deliver(*sold[0])
    assert donating.state_of(ines, donation["id"]) == "sold"


def test_a_donation_return_proceeds_although_every_event_was_lost(customer: Harness, ines: Send) -> None:
    donation = donating.create_collected(customer, ines)
    body = {"order_id": donation["id"], "location_id": ROSSIO}
    donation_return = ines("POST", donating.RETURNS, json=body, key=uuid.uuid4().hex).json()
    peer_states = deliver_no_events(customer)
    event_type = "customer.donation_return.state_changed.v1"

    def state() -> str:
        return str(ines("GET", f"{donating.RETURNS}/{donation_return['id']}").json()["state"])

    compare(registry)
    first, again = customer.published(event_type)
    assert again == first, "billing creates the fee if it does not know the return"
    peer_states.know("billing", donation_return["id"])
    compare(registry, runs=3)
    assert state() == "created", "the donor has not paid yet"
    fee = {
        "fee_id": "fee_" + "8" * 32,
        "kind": "delivery",
        "order_id": donation_return["id"],
        "payer_id": user_id("ines"),
    }
    fee |= {"amount": {"amount": 450, "currency": "EUR"}, "paid_at": rfc3339(now())}
    peer_states.know("billing", donation_return["id"], ("billing.fee.paid.v1", fee))
    compare(registry)
    assert state() == "paid"
    compare(registry, after=2 * LATER)
    assert customer.published(event_type)[-1] == customer.published(event_type)[-2], "admin has no packing order"
    for hops, (kind, work_state, becomes) in enumerate(
        [("packing", "assigned", "packing"), ("shipping", "in_progress", "shipping")], start=3
    ):
        peer_states.know("admin", donation_return["id"], build_work_event(donation_return["id"], kind, work_state))
        compare(registry, after=hops * LATER)
        assert state() == becomes


def test_an_unavailable_service_is_queried_later_and_blocks_no_other(customer: Harness, ines: Send) -> None:
    order, lost = place(ines), place(ines)
    peer_states = deliver_no_events(customer)
    peer_states.unavailable.add("billing")
    peer_states.know("billing", order["id"], build_captured(order))
    peer_states.know("shopping", order["id"])
    compare(registry)
    assert (state_of(ines, order), state_of(ines, lost)) == ("placed", "expired")
    peer_states.unavailable.clear()
    customer.play_peers(peer_states.respond)  # with a closed circuit breaker
    compare(registry)
    assert state_of(ines, order) == "paid"


def test_an_order_that_cannot_be_repaired_blocks_no_other(customer: Harness, ines: Send) -> None:
    broken, order = sorted((place(ines), place(ines)), key=lambda one: str(one["id"]))
    peer_states = deliver_no_events(customer)
    peer_states.know("billing", broken["id"], ("billing.payment.captured.v1", {"order_id": broken["id"]}))
    peer_states.know("billing", order["id"], build_captured(order))
    for one in (broken, order):
        peer_states.know("shopping", one["id"])
    compare(registry, runs=3)
    assert (state_of(ines, broken), state_of(ines, order)) == ("placed", "paid")
    [(check, subject)] = reported()
    assert (check, subject) == ("placed_order_with_captured_payment", broken["id"])


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
    deliver_no_events(customer)
    compare(registry)
    assert [event["order_id"] for event in customer.published(PAID)] == [order["id"]]
