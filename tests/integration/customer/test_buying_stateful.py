"""Any sequence of what buyers ask and what happens elsewhere, in any order and often, keeps to domain.md."""

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
from tests.support.harness import Harness, running
from tests.support.order_lifecycle import BUYING_ORDER, BUYING_RETURN, ORDER_PATH, Step, states_of

SLOT = st.integers(0, 1)
RESULT = st.sampled_from(["good", "bad"])
LEGAL_REFUSALS = (404, 409, 422)
HANDED_IN = {"in_box", "collected", "checked_good", "checked_bad", "refund_decided", "completed"}


class Purchases(RuleBasedStateMachine):
    """Two orders of one buyer, of a coat and a hat each; each step may be told again, or long before its time."""

    customer: Harness
    peers: FakePeers
    visited: set[str]

    @initialize()
    def begin(self) -> None:
        with db.unit_of_work() as session:
            session.execute(delete(OutboxRow))  # of the walk before
        self.send: Send = self.customer.as_user(new_key(), SCOPES)
        self.orders = [buying.place(self.send) for _ in range(2)]
        self.returns: dict[int, list[dict[str, Any]]] = {0: [], 1: []}
        self.refund_ids: dict[str, str] = {}

    def _request(self, method: str, path: str, **arguments: Any) -> dict[str, Any] | None:
        response = self.send(method, path, **arguments)
        assert response.status_code < 300 or response.status_code in LEGAL_REFUSALS, response.text
        return dict(response.json()) if response.status_code < 300 else None

    @staticmethod
    def _deliver(tell: Callable[..., None], *what: Any) -> None:
        """Something happened elsewhere; what comes before its time is tried again by the queue."""
        with suppress(LookupError):
            tell(*what)

    @rule(slot=SLOT, step=st.sampled_from(TO_PICKED_UP))
    def hear(self, slot: int, step: str) -> None:
        self._deliver(buying.advance, self.customer, self.orders[slot], step)

    @rule(slot=SLOT, steps=st.integers(1, 6))
    def go_the_usual_way(self, slot: int, steps: int) -> None:
        """So many steps on, so that walks come to the far ends."""
        now = self._states(self.orders[slot]["id"])[-1]
        if now in ORDER_PATH:
            for step in TO_PICKED_UP[ORDER_PATH.index(now) :][:steps]:
                buying.advance(self.customer, self.orders[slot], step)

    @rule(slot=SLOT, reason=st.sampled_from(["lapsed", "cancelled"]))
    def lose_the_hold(self, slot: int, reason: str) -> None:
        if self._states(self.orders[slot]["id"])[-1] != "paid":  # of a paid order it is sold, and not released
            self._deliver(buying.lose_hold, self.customer, self.orders[slot], reason)

    @rule(slot=SLOT)
    def cancel(self, slot: int) -> None:
        order_id = self.orders[slot]["id"]
        # Admin says what it knows, which may be ahead of the news.
        self.peers.is_shipping = self._states(order_id)[-1] in ("shipping", "in_box", "picked_up")
        self._request("POST", f"{ORDERS}/{order_id}/cancellation")

    @rule(slot=SLOT, products=st.sampled_from([(), (COAT,), (HAT,), (COAT, HAT)]))
    def return_some(self, slot: int, products: tuple[str, ...]) -> None:
        body: dict[str, Any] = {"order_id": self.orders[slot]["id"], "location_id": ROSSIO}
        body |= {"product_ids": list(products)} if products else {}
        made = self._request("POST", RETURNS, json=body, key=new_key())
        if made is not None:
            self.returns[slot].append(made)

    @rule(slot=SLOT, which=st.integers(0, 1))
    def give_the_return_up(self, slot: int, which: int) -> None:
        for made in self.returns[slot][which : which + 1]:
            self._request("POST", f"{RETURNS}/{made['id']}/cancellation")

    @rule(slot=SLOT, products=st.sampled_from([(), (COAT,), (HAT,)]), steps=st.integers(1, 5), result=RESULT)
    def buy_and_return(self, slot: int, products: tuple[str, ...], steps: int, result: str) -> None:
        """To the far end, or so many steps on the way back."""
        self.go_the_usual_way(slot, len(TO_PICKED_UP))
        self.return_some(slot, products)
        way = ["put_in", "collect", result, *(["agree"] if result == "bad" else []), "refund"]
        for what in way[:steps]:
            for made in self.returns[slot][-1:]:
                self._tell_of_return(slot, made, what, 700)

    @rule(
        slot=SLOT,
        which=st.integers(0, 1),
        what=st.sampled_from(["put_in", "collect", "good", "bad", "agree", "refund"]),
        amount=st.sampled_from([0, 700, 2000]),
    )
    def hear_of_the_return(self, slot: int, which: int, what: str, amount: int) -> None:
        for made in self.returns[slot][which : which + 1]:
            self._tell_of_return(slot, made, what, amount)

    @rule(
        slot=SLOT,
        which=st.integers(0, 1),
        result=RESULT,
        amount=st.sampled_from([0, 700]),
    )
    def take_back_whole(self, slot: int, which: int, result: str, amount: int) -> None:
        """The return goes all its way, and each step is told twice."""
        for made in self.returns[slot][which : which + 1]:
            for what in ("put_in", "collect", result, *(["agree"] if result == "bad" else []), "refund"):
                for _ in range(2):
                    self._tell_of_return(slot, made, what, amount)

    def _tell_of_return(self, slot: int, made: dict[str, Any], what: str, amount: int) -> None:
        return_id, customer = made["id"], self.customer
        if what == "refund" and self._states(return_id)[-1] not in ("checked_good", "refund_decided"):
            return  # billing makes a refund when customer says that it is due
        refund = buying.read(self.send, made)["refund"]
        news: dict[str, Callable[[], None]] = {
            "put_in": lambda: buying.use_door(customer, return_id, "deposit"),
            "collect": lambda: buying.change_work(customer, "collecting", "done", return_id),
            "good": lambda: buying.change_work(customer, "checking", "done", return_id, "good"),
            "bad": lambda: buying.change_work(customer, "checking", "done", return_id, "bad"),
            "agree": lambda: buying.agree_on_refund(customer, made, amount),
            "refund": lambda: buying.complete_refund(
                customer,
                self.orders[slot],
                refund["amount"],
                return_id,
                self.refund_ids.setdefault(return_id, f"rfd_{new_key()}"),
            ),
        }
        self._deliver(news[what])

    @rule(days=st.sampled_from([9, 15]))
    def let_time_pass(self, days: int) -> None:
        buying.run_jobs_later(after_days=days)

    @invariant()
    def each_went_only_where_it_can(self) -> None:
        for order in self.orders:
            self._check_way(order["id"], BUYING_ORDER, "buying_order", {"paid", "expired"})
        for made in self._made():
            self._check_way(made["id"], BUYING_RETURN, "buying_return", set())

    def _check_way(self, some_id: str, legal: set[Step], what: str, told_otherwise: set[str]) -> None:
        states = self._states(some_id)
        assert set(pairwise(states)) <= legal, states
        assert len(states) == len(set(states)), "no state twice"
        self.visited.update(states)
        id_name = "order_id" if what == "buying_order" else "return_id"
        published = [
            (event["previous_state"], event["state"]) for event in self._told(what) if event[id_name] == some_id
        ]
        expected = [(None, "created")] if what == "buying_return" else []
        assert published == expected + [step for step in pairwise(states) if step[1] not in told_otherwise]

    @invariant()
    def one_coat_comes_back_once(self) -> None:
        for slot in self.returns:
            back = [
                item["product_id"]
                for made in self.returns[slot]
                if self._states(made["id"])[-1] in HANDED_IN
                for item in made["items"]
            ]
            assert len(back) == len(set(back)), back

    @invariant()
    def no_more_is_refunded_than_was_paid(self) -> None:
        for slot, order in enumerate(self.orders):
            with db.unit_of_work(reads_only=True):
                found = buying_orders.get(order["id"])
                due = sum(made.refund_amount or 0 for made in buying_returns.list_by_order(order["id"]))
                paid = found.total_amount if found.payment_id else 0
                assert sum(refund.amount for refund in found.refunds) <= due <= paid
                assert found.state in ("picked_up", "completed") or not self.returns[slot]

    @invariant()
    def who_is_told_complete_keeps_the_rest(self) -> None:
        for event in self._told("buying_order"):
            if event["state"] == "completed":
                slot = [order["id"] for order in self.orders].index(event["order_id"])
                kept = set(event["product_ids"])
                open_ones = [made for made in self.returns[slot] if self._states(made["id"])[-1] == "created"]
                assert open_ones == []
                assert kept <= {COAT, HAT}

    @invariant()
    def one_purchase_is_the_first(self) -> None:
        first = {
            event["order_id"]
            for event in self._told("buying_order")
            if event["state"] == "picked_up" and event["is_first"]
        }
        assert len(first) <= 1 or any(event["is_whole_order"] for event in self._told("buying_return"))

    def _told(self, what: str) -> list[dict[str, Any]]:
        """Of this walk's orders: the jobs go on with those of the walks before."""
        own = {order["id"] for order in self.orders}
        return [
            event
            for event in self.customer.published(f"customer.{what}.state_changed.v1")
            if event["order_id"] in own
        ]

    def _made(self) -> list[dict[str, Any]]:
        return [made for found in self.returns.values() for made in found]

    @staticmethod
    def _states(some_id: str) -> list[str]:
        """The states that an order or a return came into (read past HTTP, which takes most of a walk's time)."""
        with db.unit_of_work(reads_only=True):
            found = (buying_orders if some_id.startswith("bor") else buying_returns).find(some_id)
            return [entry.state for entry in found.timeline] if found else []


def walk(database_url: str, walks: int) -> None:
    with running("customer", {"RECLOTHES_DATABASE_URL": database_url}) as harness:
        peers = FakePeers()
        harness.play_peers(peers.respond)
        Purchases.customer, Purchases.peers, Purchases.visited = harness, peers, set()
        chosen = settings(
            max_examples=walks,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(Purchases, settings=chosen)


def test_no_short_walk_breaks_a_rule(database_url: str) -> None:
    walk(database_url, 4)


@pytest.mark.full
@pytest.mark.timeout(300)
def test_no_walk_breaks_a_rule(database_url: str) -> None:
    walk(database_url, 15)
    assert Purchases.visited == states_of(BUYING_ORDER | BUYING_RETURN), "the walks reach every state"
