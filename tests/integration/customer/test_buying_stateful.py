"""Random sequences of buyers' requests and events (early, late, repeated) keep the invariants of purchases."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import delete

from libs.chassis import db
from libs.chassis.tables import OutboxRow
from services.customer.buying_orders.queries import buying_orders
from services.customer.buying_returns.queries import buying_returns
from tests.integration.customer import buying_support as buying
from tests.integration.customer.buying_support import (
    COAT,
    HAT,
    ORDERS,
    RETURNS,
    SCOPES,
    TO_PICKED_UP,
    Send,
    new_key,
)
from tests.integration.customer.conftest import ROSSIO, FakePeers
from tests.integration.customer.stateful import run_sequences
from tests.support.harness import Harness
from tests.support.order_lifecycle import BUYING_ORDER, BUYING_RETURN, ORDER_PATH, Step, list_states

SLOT = st.integers(0, 1)
RESULT = st.sampled_from(["good", "bad"])
EXPECTED_REFUSALS = (404, 409, 422)
DEPOSITED = {"in_box", "collected", "checked_good", "checked_bad", "refund_decided", "completed"}


class Purchases(RuleBasedStateMachine):
    """Two orders of one buyer, each of a coat and a hat; events may be repeated, early or late."""

    customer: Harness
    peers: FakePeers
    visited: set[str]

    @initialize()
    def begin(self) -> None:
        with db.unit_of_work() as session:
            session.execute(delete(OutboxRow))  # of the sequence before
        self.send: Send = self.customer.as_user(new_key(), SCOPES)
        self.orders = [buying.place(self.send) for _ in range(2)]
        self.returns: dict[int, list[dict[str, Any]]] = {0: [], 1: []}
        self.refund_ids: dict[str, str] = {}

    def _request(self, method: str, path: str, **arguments: Any) -> dict[str, Any] | None:
        response = self.send(method, path, **arguments)
        assert response.status_code < 300 or response.status_code in EXPECTED_REFUSALS, response.text
        return dict(response.json()) if response.status_code < 300 else None

    @staticmethod
    def _deliver(deliver: Callable[..., None], *arguments: Any) -> None:
        """Deliver an event; the queue would deliver an early one again."""
        with suppress(LookupError):
            deliver(*arguments)

    @rule(slot=SLOT, step=st.sampled_from(TO_PICKED_UP))
    def deliver_event(self, slot: int, step: str) -> None:
        self._deliver(buying.advance, self.customer, self.orders[slot], step)

    @rule(slot=SLOT, steps=st.integers(1, 6))
    def advance_order(self, slot: int, steps: int) -> None:
        """Advance by several steps, so that sequences reach the final states."""
        now = self._states(self.orders[slot]["id"])[-1]
        if now in ORDER_PATH:
            for step in TO_PICKED_UP[ORDER_PATH.index(now) :][:steps]:
                buying.advance(self.customer, self.orders[slot], step)

    @rule(slot=SLOT, reason=st.sampled_from(["lapsed", "cancelled"]))
    def release_hold(self, slot: int, reason: str) -> None:
        if self._states(self.orders[slot]["id"])[-1] != "paid":  # shopping sells the hold of a paid order
            self._deliver(buying.release_hold, self.customer, self.orders[slot], reason)

    @rule(slot=SLOT)
    def cancel(self, slot: int) -> None:
        order_id = self.orders[slot]["id"]
        # Admin may know more than its delivered events say.
        self.peers.is_shipping = self._states(order_id)[-1] in ("shipping", "in_box", "picked_up")
        self._request("POST", f"{ORDERS}/{order_id}/cancellation")

    @rule(slot=SLOT, products=st.sampled_from([(), (COAT,), (HAT,), (COAT, HAT)]))
    def create_return(self, slot: int, products: tuple[str, ...]) -> None:
        body: dict[str, Any] = {"order_id": self.orders[slot]["id"], "location_id": ROSSIO}
        body |= {"product_ids": list(products)} if products else {}
        buying_return = self._request("POST", RETURNS, json=body, key=new_key())
        if buying_return is not None:
            self.returns[slot].append(buying_return)

    @rule(slot=SLOT, index=st.integers(0, 1))
    def cancel_return(self, slot: int, index: int) -> None:
        for buying_return in self.returns[slot][index : index + 1]:
            self._request("POST", f"{RETURNS}/{buying_return['id']}/cancellation")

    @rule(slot=SLOT, products=st.sampled_from([(), (COAT,), (HAT,)]), steps=st.integers(1, 5), result=RESULT)
    def buy_and_return(self, slot: int, products: tuple[str, ...], steps: int, result: str) -> None:
        """Advance the order until its pick-up, and a return of it by several steps."""
        self.advance_order(slot, len(TO_PICKED_UP))
        self.create_return(slot, products)
        steps_of_return = ["put_in", "collect", result, *(["agree"] if result == "bad" else []), "refund"]
        for step in steps_of_return[:steps]:
            for buying_return in self.returns[slot][-1:]:
                self._deliver_return_event(slot, buying_return, step, 700)

    @rule(
        slot=SLOT,
        index=st.integers(0, 1),
        step=st.sampled_from(["put_in", "collect", "good", "bad", "agree", "refund"]),
        amount=st.sampled_from([0, 700, 2000]),
    )
    def deliver_return_event(self, slot: int, index: int, step: str, amount: int) -> None:
        for buying_return in self.returns[slot][index : index + 1]:
            self._deliver_return_event(slot, buying_return, step, amount)

    @rule(
        slot=SLOT,
        index=st.integers(0, 1),
        result=RESULT,
        amount=st.sampled_from([0, 700]),
    )
    def complete_return(self, slot: int, index: int, result: str, amount: int) -> None:
        """Deliver all events of a return, each twice."""
        for buying_return in self.returns[slot][index : index + 1]:
            for step in ("put_in", "collect", result, *(["agree"] if result == "bad" else []), "refund"):
                for _ in range(2):
                    self._deliver_return_event(slot, buying_return, step, amount)

    def _deliver_return_event(self, slot: int, buying_return: dict[str, Any], step: str, amount: int) -> None:
        return_id, customer = buying_return["id"], self.customer
        if step == "refund" and self._states(return_id)[-1] not in ("checked_good", "refund_decided"):
            return  # billing refunds when customer has published that a refund is due
        refund = buying.read(self.send, buying_return)["refund"]
        deliver: dict[str, Callable[[], None]] = {
            "put_in": lambda: buying.use_door(customer, return_id, "deposit"),
            "collect": lambda: buying.change_work(customer, "collecting", "done", return_id),
            "good": lambda: buying.change_work(customer, "checking", "done", return_id, "good"),
            "bad": lambda: buying.change_work(customer, "checking", "done", return_id, "bad"),
            "agree": lambda: buying.agree_on_refund(customer, buying_return, amount),
            "refund": lambda: buying.complete_refund(
                customer,
                self.orders[slot],
                refund["amount"],
                return_id,
                self.refund_ids.setdefault(return_id, f"rfd_{new_key()}"),
            ),
        }
        self._deliver(deliver[step])

    @rule(days=st.sampled_from([9, 15]))
    def let_time_pass(self, days: int) -> None:
        buying.run_jobs_later(after_days=days)

    @invariant()
    def all_transitions_are_allowed_and_published(self) -> None:
        for order in self.orders:
            self._check_timeline(order["id"], BUYING_ORDER, "buying_order", {"paid", "expired"})
        for buying_return in self._list_returns():
            self._check_timeline(buying_return["id"], BUYING_RETURN, "buying_return", set())

    def _check_timeline(self, subject_id: str, allowed: set[Step], subject: str, other_events: set[str]) -> None:
        states = self._states(subject_id)
        assert set(pairwise(states)) <= allowed, states
        assert len(states) == len(set(states)), "no state twice"
        self.visited.update(states)
        id_name = "order_id" if subject == "buying_order" else "return_id"
        published = [
            (event["previous_state"], event["state"])
            for event in self._published(subject)
            if event[id_name] == subject_id
        ]
        expected = [(None, "created")] if subject == "buying_return" else []
        assert published == expected + [step for step in pairwise(states) if step[1] not in other_events]

    @invariant()
    def a_product_is_returned_once(self) -> None:
        for slot in self.returns:
            returned = [
                item["product_id"]
                for buying_return in self.returns[slot]
                if self._states(buying_return["id"])[-1] in DEPOSITED
                for item in buying_return["items"]
            ]
            assert len(returned) == len(set(returned)), returned

    @invariant()
    def refunds_do_not_exceed_payments(self) -> None:
        for slot, order in enumerate(self.orders):
            with db.unit_of_work(reads_only=True):
                stored = buying_orders.get(order["id"])
                due = sum(
                    buying_return.refund_amount or 0 for buying_return in buying_returns.list_by_order(order["id"])
                )
                paid = stored.total_amount if stored.payment_id else 0
                assert sum(refund.amount for refund in stored.refunds) <= due <= paid
                assert stored.state in ("picked_up", "completed") or not self.returns[slot]

    @invariant()
    def a_completed_order_has_no_open_return(self) -> None:
        for event in self._published("buying_order"):
            if event["state"] == "completed":
                slot = [order["id"] for order in self.orders].index(event["order_id"])
                kept = set(event["product_ids"])
                last_states = [self._states(buying_return["id"])[-1] for buying_return in self.returns[slot]]
                assert "created" not in last_states
                assert kept <= {COAT, HAT}

    @invariant()
    def one_purchase_is_the_first(self) -> None:
        first = {
            event["order_id"]
            for event in self._published("buying_order")
            if event["state"] == "picked_up" and event["is_first"]
        }
        assert len(first) <= 1 or any(event["is_whole_order"] for event in self._published("buying_return"))

    def _published(self, subject: str) -> list[dict[str, Any]]:
        """The events of this sequence's orders: jobs may still process those of earlier sequences."""
        own = {order["id"] for order in self.orders}
        return [
            event
            for event in self.customer.published(f"customer.{subject}.state_changed.v1")
            if event["order_id"] in own
        ]

    def _list_returns(self) -> list[dict[str, Any]]:
        return [buying_return for returns in self.returns.values() for buying_return in returns]

    @staticmethod
    def _states(subject_id: str) -> list[str]:
        """The states of the timeline, read from the database because HTTP would take most of the time."""
        with db.unit_of_work(reads_only=True):
            stored = (buying_orders if subject_id.startswith("bor") else buying_returns).find(subject_id)
            return [entry.state for entry in stored.timeline] if stored else []


def test_short_random_sequences_keep_the_invariants(database_url: str) -> None:
    run_sequences(Purchases, database_url, 4)


@pytest.mark.full
@pytest.mark.timeout(300)
def test_random_sequences_keep_the_invariants(database_url: str) -> None:
    run_sequences(Purchases, database_url, 15)
    assert Purchases.visited == list_states(BUYING_ORDER | BUYING_RETURN), "the sequences reach every state"
