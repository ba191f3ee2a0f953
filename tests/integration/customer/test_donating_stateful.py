"""Any sequence of what donors ask and what happens elsewhere, in any order and often, keeps to domain.md."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete

from libs.chassis import db
from libs.chassis.tables import OutboxRow
from services.customer.donating_orders.queries import donating_orders
from services.customer.donation_returns.queries import donation_returns
from tests.integration.customer import test_donating_orders as donating
from tests.integration.customer.conftest import ROSSIO, FakePeers
from tests.integration.customer.test_donating_orders import ORDERS, RETURNS, SCOPE, Send, new_key
from tests.support.harness import Harness, running
from tests.support.order_lifecycle import DONATION, DONATION_AFTER_CANCELLED_RETURN, DONATION_RETURN, states_of

ORDER_STEPS = DONATION | DONATION_AFTER_CANCELLED_RETURN
FINAL = {"sold", "recycled", "returned"}
SLOT = st.integers(0, 1)
LEGAL_REFUSALS = (404, 409, 422)


class Donations(RuleBasedStateMachine):
    """Two donations of one donor."""

    customer: Harness
    peers: FakePeers
    visited: set[str]

    @initialize()
    def begin(self) -> None:
        with db.unit_of_work() as session:
            session.execute(delete(OutboxRow))  # of the walk before
        self.send: Send = self.customer.as_user(new_key(), SCOPE)
        self.orders = [donating.create_draft(self.send) for _ in range(2)]
        self.returns: dict[int, str] = {}
        self.peers.claim_refusal = None

    def _request(self, method: str, path: str, **arguments: Any) -> dict[str, Any] | None:
        response = self.send(method, path, **arguments)
        assert response.status_code < 300 or response.status_code in LEGAL_REFUSALS, response.text
        return dict(response.json()) if response.status_code < 300 else None

    @rule(slot=SLOT)
    def submit(self, slot: int) -> None:
        self._request("POST", f"{ORDERS}/{self.orders[slot]['id']}/submission", json={"location_id": ROSSIO})

    @rule(slot=SLOT, steps=st.integers(1, 6), result=st.sampled_from(["good", "bad"]))
    def go_the_usual_way(self, slot: int, steps: int, result: str) -> None:
        """So many steps on, so that walks come to the far ends."""
        for _ in range(steps):
            state = self._states(self.orders[slot]["id"])[-1]
            match state:
                case "draft":
                    self.submit(slot)
                case "submitted":
                    self.use_a_door(slot, "deposit")
                case "deposited":
                    self.collect(slot)
                case "collected":
                    self.check(slot, result)
                case "checked_good":
                    self.sell(slot, "published")
                case "checked_bad":
                    self.hand_over(slot)
                case "listed":
                    self.ask_back(slot) if slot else self.sell(slot, "sold")
                case "returning":
                    for what in ("pay", "pack", "ship", "put_in", "take_out"):
                        self.move_the_return(slot, what)

    @rule(slot=SLOT)
    def change_the_mind_after_the_deposit(self, slot: int) -> None:
        self.submit(slot)
        self.use_a_door(slot, "deposit")
        self.cancel(slot)

    @rule(slot=SLOT)
    def cancel(self, slot: int) -> None:
        self._request("POST", f"{ORDERS}/{self.orders[slot]['id']}/cancellation")

    @rule(slot=SLOT)
    def ask_back(self, slot: int) -> None:
        body = {"order_id": self.orders[slot]["id"], "location_id": ROSSIO}
        made = self._request("POST", RETURNS, json=body, key=new_key())
        if made is not None:
            self.returns[slot] = made["id"]

    @rule(slot=SLOT)
    def give_the_return_up(self, slot: int) -> None:
        if slot in self.returns:
            self._request("POST", f"{RETURNS}/{self.returns[slot]}/cancellation")

    @rule(slot=SLOT, purpose=st.sampled_from(["deposit", "deposit", "withdraw"]))
    def use_a_door(self, slot: int, purpose: str) -> None:
        self._deliver(donating.use_door, self.orders[slot], purpose)

    @rule(slot=SLOT)
    def collect(self, slot: int) -> None:
        self._deliver(donating.change_work, "collecting", "done", self.orders[slot]["id"])

    @rule(slot=SLOT, result=st.sampled_from(["good", "good", "bad"]))
    def check(self, slot: int, result: str) -> None:
        self._deliver(donating.change_work, "checking", "done", self.orders[slot]["id"], result)

    @rule(slot=SLOT, what=st.sampled_from(["published", "sold"]))
    def sell(self, slot: int, what: str) -> None:
        self._deliver(donating.publish_product_event, what, self.orders[slot])

    @rule(slot=SLOT)
    def hand_over(self, slot: int) -> None:
        with suppress(LookupError):
            donating.record_handover(self.customer, self.orders[slot]["id"])

    @rule(slot=SLOT, what=st.sampled_from(["pay", "pack", "ship", "put_in", "take_out"]))
    def move_the_return(self, slot: int, what: str) -> None:
        return_id = self.returns.get(slot)
        if return_id is None:
            return
        order = self.orders[slot]
        news: dict[str, Callable[[], None]] = {
            "pay": lambda: donating.pay_delivery_fee(self.customer, return_id),
            "pack": lambda: donating.change_work(self.customer, "packing", "assigned", return_id),
            "ship": lambda: donating.change_work(self.customer, "shipping", "in_progress", return_id),
            "put_in": lambda: donating.use_door(self.customer, order, "ship", return_id),
            "take_out": lambda: donating.use_door(self.customer, order, "pick_up", return_id),
        }
        with suppress(LookupError):
            news[what]()

    def _deliver(self, tell: Callable[..., None], *what: Any) -> None:
        """Something happened elsewhere; what comes before its time is tried again by the queue."""
        with suppress(LookupError):
            tell(self.customer, *what)

    @invariant()
    def each_order_went_only_where_it_can(self) -> None:
        for order in self.orders:
            states = self._states(order["id"])
            steps = set(pairwise(states))
            assert steps <= ORDER_STEPS, steps
            self.visited.update(states)
            assert not FINAL & set(states[:-1]), states
            told = [
                event
                for event in self._told("customer.donating_order.state_changed.v1")
                if event["order_id"] == order["id"]
            ]
            assert [event["state"] for event in told] == states[1:]
            assert [event["previous_state"] for event in told] == states[:-1]

    @invariant()
    def each_return_went_only_where_it_can(self) -> None:
        for slot, return_id in self.returns.items():
            states = self._states(return_id)
            assert set(pairwise(states)) <= DONATION_RETURN, states
            order_is_returning = self._states(self.orders[slot]["id"])[-1] == "returning"
            assert order_is_returning == (states[-1] not in ("cancelled", "returned"))

    @invariant()
    def one_donation_that_counts_is_the_first(self) -> None:
        """A deposit that was taken back counts no more, nor does what was told of it."""
        moved = self._told("customer.donating_order.state_changed.v1")
        deposits = {event["order_id"]: event["is_first"] for event in moved if event["state"] == "deposited"}
        counts = [
            order["id"]
            for order in self.orders
            if deposits.get(order["id"]) and self._states(order["id"])[-1] not in ("cancelled", "returned")
        ]
        assert len(counts) <= 1, counts

    @staticmethod
    def _states(some_id: str) -> list[str]:
        """The states that an order or a return came into (read past HTTP, which takes most of a walk's time)."""
        with db.unit_of_work(reads_only=True):
            found = (donating_orders if some_id.startswith("dor") else donation_returns).find(some_id)
            return [entry.state for entry in found.timeline] if found else []

    def _told(self, event_type: str) -> list[dict[str, Any]]:
        return self.customer.published(event_type)


def walk(database_url: str, walks: int) -> None:
    with running("customer", {"RECLOTHES_DATABASE_URL": database_url}) as harness:
        peers = FakePeers()
        harness.play_peers(peers.respond)
        Donations.customer, Donations.peers, Donations.visited = harness, peers, set()
        chosen = settings(
            max_examples=walks,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(Donations, settings=chosen)


def test_no_short_walk_breaks_a_rule(database_url: str) -> None:
    walk(database_url, 6)


@pytest.mark.full
@pytest.mark.timeout(300)
def test_no_walk_breaks_a_rule(database_url: str) -> None:
    walk(database_url, 60)
    assert Donations.visited == states_of(ORDER_STEPS), "the walks reach every state"
