"""Random sequences of donors' requests and events (early, late, repeated) keep the invariants of donations."""

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
from services.customer.donating_orders.queries import donating_orders
from services.customer.donation_returns.queries import donation_returns
from tests.integration.customer import donating_support as donating
from tests.integration.customer.conftest import ROSSIO, FakePeers
from tests.integration.customer.donating_support import ORDERS, RETURNS, SCOPE, Send, new_key
from tests.integration.customer.stateful import run_sequences
from tests.support.harness import Harness
from tests.support.order_lifecycle import (
    AFTER_CANCELLED_DONATION_RETURN,
    DONATING_ORDER,
    DONATION_RETURN,
    list_states,
)

ALLOWED_STEPS = DONATING_ORDER | AFTER_CANCELLED_DONATION_RETURN
FINAL = {"sold", "recycled", "returned"}
SLOT = st.integers(0, 1)
EXPECTED_REFUSALS = (404, 409, 422)


class Donations(RuleBasedStateMachine):
    """Two donations of one donor."""

    customer: Harness
    peers: FakePeers
    visited: set[str]

    @initialize()
    def begin(self) -> None:
        with db.unit_of_work() as session:
            session.execute(delete(OutboxRow))  # of the sequence before
        self.send: Send = self.customer.as_user(new_key(), SCOPE)
        self.orders = [donating.create_draft(self.send) for _ in range(2)]
        self.returns: dict[int, str] = {}
        self.peers.claim_refusal = None

    def _request(self, method: str, path: str, **arguments: Any) -> dict[str, Any] | None:
        response = self.send(method, path, **arguments)
        assert response.status_code < 300 or response.status_code in EXPECTED_REFUSALS, response.text
        return dict(response.json()) if response.status_code < 300 else None

    @rule(slot=SLOT)
    def submit(self, slot: int) -> None:
        self._request("POST", f"{ORDERS}/{self.orders[slot]['id']}/submission", json={"location_id": ROSSIO})

    @rule(slot=SLOT, steps=st.integers(1, 8), result=st.sampled_from(["good", "good", "bad"]))
    def advance_order(self, slot: int, steps: int, result: str) -> None:
        """Advance by several steps, so that sequences reach the final states."""
        for _ in range(steps):
            state = self._states(self.orders[slot]["id"])[-1]
            match state:
                case "draft":
                    self.submit(slot)
                case "submitted":
                    self.use_door(slot, "deposit")
                case "deposited":
                    self.collect(slot)
                case "collected":
                    self.check(slot, result)
                case "checked_good":
                    self.deliver_product_event(slot, "published")
                case "checked_bad":
                    self.hand_over(slot)
                case "listed":
                    self.create_return(slot) if slot else self.deliver_product_event(slot, "sold")
                case "returning":
                    for step in ("pay", "pack", "ship", "put_in", "take_out"):
                        self.deliver_return_event(slot, step)

    @rule(slot=SLOT)
    def cancel_after_deposit(self, slot: int) -> None:
        self.submit(slot)
        self.use_door(slot, "deposit")
        self.cancel(slot)

    @rule(slot=SLOT)
    def cancel(self, slot: int) -> None:
        self._request("POST", f"{ORDERS}/{self.orders[slot]['id']}/cancellation")

    @rule(slot=SLOT)
    def create_return(self, slot: int) -> None:
        body = {"order_id": self.orders[slot]["id"], "location_id": ROSSIO}
        donation_return = self._request("POST", RETURNS, json=body, key=new_key())
        if donation_return is not None:
            self.returns[slot] = donation_return["id"]

    @rule(slot=SLOT)
    def cancel_return(self, slot: int) -> None:
        if slot in self.returns:
            self._request("POST", f"{RETURNS}/{self.returns[slot]}/cancellation")

    @rule(slot=SLOT, purpose=st.sampled_from(["deposit", "deposit", "withdraw"]))
    def use_door(self, slot: int, purpose: str) -> None:
        self._deliver(donating.use_door, self.orders[slot], purpose)

    @rule(slot=SLOT)
    def collect(self, slot: int) -> None:
        self._deliver(donating.change_work, "collecting", "done", self.orders[slot]["id"])

    @rule(slot=SLOT, result=st.sampled_from(["good", "good", "bad"]))
    def check(self, slot: int, result: str) -> None:
        self._deliver(donating.change_work, "checking", "done", self.orders[slot]["id"], result)

    @rule(slot=SLOT, step=st.sampled_from(["published", "sold"]))
    def deliver_product_event(self, slot: int, step: str) -> None:
        self._deliver(donating.publish_product_event, step, self.orders[slot])

    @rule(slot=SLOT)
    def hand_over(self, slot: int) -> None:
        with suppress(LookupError):
            donating.record_handover(self.customer, self.orders[slot]["id"])

    @rule(slot=SLOT, step=st.sampled_from(["pay", "pack", "ship", "put_in", "take_out"]))
    def deliver_return_event(self, slot: int, step: str) -> None:
        return_id = self.returns.get(slot)
        if return_id is None:
            return
        order = self.orders[slot]
        deliver: dict[str, Callable[[], None]] = {
            "pay": lambda: donating.pay_delivery_fee(self.customer, return_id),
            "pack": lambda: donating.change_work(self.customer, "packing", "assigned", return_id),
            "ship": lambda: donating.change_work(self.customer, "shipping", "in_progress", return_id),
            "put_in": lambda: donating.use_door(self.customer, order, "ship", return_id),
            "take_out": lambda: donating.use_door(self.customer, order, "pick_up", return_id),
        }
        with suppress(LookupError):
            deliver[step]()

    def _deliver(self, deliver: Callable[..., None], *arguments: Any) -> None:
        """Deliver an event; the queue would deliver an early one again."""
        with suppress(LookupError):
            deliver(self.customer, *arguments)

    @invariant()
    def all_transitions_of_orders_are_allowed_and_published(self) -> None:
        for order in self.orders:
            states = self._states(order["id"])
            steps = set(pairwise(states))
            assert steps <= ALLOWED_STEPS, steps
            self.visited.update(states)
            assert not FINAL & set(states[:-1]), states
            events = [
                event
                for event in self._published("customer.donating_order.state_changed.v1")
                if event["order_id"] == order["id"]
            ]
            assert [event["state"] for event in events] == states[1:]
            assert [event["previous_state"] for event in events] == states[:-1]

    @invariant()
    def all_transitions_of_returns_are_allowed(self) -> None:
        for slot, return_id in self.returns.items():
            states = self._states(return_id)
            assert set(pairwise(states)) <= DONATION_RETURN, states
            order_is_returning = self._states(self.orders[slot]["id"])[-1] == "returning"
            assert order_is_returning == (states[-1] not in ("cancelled", "returned"))

    @invariant()
    def one_donation_is_the_first(self) -> None:
        """A deposit that its donor took back does not count, nor does its event."""
        events = self._published("customer.donating_order.state_changed.v1")
        deposits = {event["order_id"]: event["is_first"] for event in events if event["state"] == "deposited"}
        counts = [
            order["id"]
            for order in self.orders
            if deposits.get(order["id"]) and self._states(order["id"])[-1] not in ("cancelled", "returned")
        ]
        assert len(counts) <= 1, counts

    @staticmethod
    def _states(subject_id: str) -> list[str]:
        """The states of the timeline, read from the database because HTTP would take most of the time."""
        with db.unit_of_work(reads_only=True):
            stored = (donating_orders if subject_id.startswith("dor") else donation_returns).find(subject_id)
            return [entry.state for entry in stored.timeline] if stored else []

    def _published(self, event_type: str) -> list[dict[str, Any]]:
        return self.customer.published(event_type)


def test_short_random_sequences_keep_the_invariants(database_url: str) -> None:
    run_sequences(Donations, database_url, 6)


@pytest.mark.full
@pytest.mark.timeout(300)
def test_random_sequences_keep_the_invariants(database_url: str) -> None:
    run_sequences(Donations, database_url, 60)
    assert Donations.visited == list_states(ALLOWED_STEPS), "the sequences reach every state"
