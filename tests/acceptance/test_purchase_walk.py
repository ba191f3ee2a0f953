"""Buyers and staff at random over cart, order, payment, cancellation and return, on a day when events are late,
come twice and overtake each other: the rules of `domain.md` hold at every step, and everything comes to its end.

`WALK_SEED` chooses another walk (its choices, not the timing of the services), `WALK_STEPS` says how long it is.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.acceptance.purchase_rules import Quiet, Rules
from tests.acceptance.purchase_walk import Walk
from tests.acceptance.scene import Scene, make_scene
from tests.attacks.gateways import without_throttles
from tests.support.disturber import Disturber
from tests.support.platform import RunningPlatform
from tests.support.stores import Stores
from tools.demo.people import Actor, Customer, Mailbox, Staff, idempotency_key, verification_token, wait_for
from tools.project import SERVICES

SEED = int(os.environ.get("WALK_SEED") or 8)
STEPS = int(os.environ.get("WALK_STEPS") or 200)
BUYERS, COINS, PRODUCTS, BOXES = 4, 30_000, 8, 6
CHECK_ALL_EVERY = 6
END_SECONDS, LONGEST_SECONDS = 300.0, 60 + 4 * STEPS
ON_THE_WAY = {
    "admin.audit.recorded.v1",
    "admin.packing_order.created.v1",
    "admin.return_contact.recorded.v1",
    "admin.work.stopped.v1",
    "admin.work_order.state_changed.v1",
    "auth.user.registered.v1",
    "billing.audit.recorded.v1",
    "billing.payment.authorized.v1",
    "billing.payment.captured.v1",
    "billing.payment.voided.v1",
    "billing.refund.completed.v1",
    "customer.audit.recorded.v1",
    "customer.buying_order.expired.v1",
    "customer.buying_order.state_changed.v1",
    "customer.buying_order.paid.v1",
    "customer.buying_order.pick_up_due.v1",
    "customer.buying_order.placed.v1",
    "customer.buying_return.state_changed.v1",
    "locker.box.held.v1",
    "locker.door.used.v1",
    "locker.location.threshold_reached.v1",
    "shopping.audit.recorded.v1",
    "shopping.hold.released.v1",
    "shopping.hold.sold.v1",
    "shopping.product.published.v1",
    "shopping.product.sold.v1",
}

pytestmark = [pytest.mark.real_servers(only=True), pytest.mark.alone]


@pytest.fixture
def wide(platform: RunningPlatform, tmp_path: Path) -> Iterator[RunningPlatform]:
    """The platform behind gateways without throttles: all people come from one address."""
    with (
        without_throttles(platform, "external", tmp_path / "external") as external,
        without_throttles(platform, "internal", tmp_path / "internal") as internal,
    ):
        layout = replace(platform.layout, external_port=external.port, internal_port=internal.port)
        yield replace(platform, layout=layout)


@pytest.fixture
def disturber(platform: RunningPlatform) -> Iterator[Disturber]:
    with Disturber(platform.layout, SEED) as disturber:
        yield disturber


@pytest.fixture
def stores(platform: RunningPlatform) -> Iterator[Stores]:
    stores = Stores(platform.layout)
    yield stores
    stores.close()


@pytest.fixture
def scene(wide: RunningPlatform, people: list[Actor]) -> Iterator[Scene]:
    def staff(role: str) -> Staff:
        person = Staff(wide.internal_url, wide.ca_file, f"{role}@reclothes.example")
        people.append(person)
        person.log_in()
        return person

    scene = make_scene(wide, staff, f"Walk {uuid.uuid4().hex[:8]}", BOXES)
    yield scene
    scene.controller.close()


@pytest.fixture
def buyers(
    wide: RunningPlatform, disturber: Disturber, mailbox: Mailbox, scene: Scene, people: list[Actor]
) -> list[Customer]:
    """Registered while events are disturbed already, each with coins."""
    run = uuid.uuid4().hex[:8]
    made = [
        Customer(wide.external_url, wide.ca_file, f"walker.{run}.{number}@walk.example", f"pass-{run}-{number}")
        for number in range(BUYERS)
    ]
    people.extend(made)
    for buyer in made:
        buyer.register("Wanda Walker")
    for buyer in made:
        buyer.confirm_email(verification_token(mailbox.wait_for_mail(buyer.user_name, "confirm")))
        buyer.log_in()
        give_coins = partial(_give_coins, scene.manager, buyer.user_id)
        wait_for(f"an account of {buyer.user_name}", give_coins, 60)
    return made


def _give_coins(manager: Staff, person_id: str) -> bool | None:
    """None until billing has heard of the buyer."""
    body = {"person_id": person_id, "coins": COINS, "note": "for the walk"}
    key = idempotency_key()
    return (
        manager.call("POST", "/billing/v1/coin-records", json=body, headers=key, expect=(201, 422)).is_success
        or None
    )


@pytest.mark.timeout(1800)
def test_whatever_happens_in_whatever_order_each_has_what_is_theirs_in_the_end(
    platform: RunningPlatform,
    disturber: Disturber,
    buyers: list[Customer],
    scene: Scene,
    stores: Stores,
    record_property: Callable[[str, object], None],
) -> None:
    print(f"WALK_SEED={SEED} WALK_STEPS={STEPS}")
    critical, quiet = _critical(platform), Quiet(stores, disturber)
    walk = Walk(SEED, scene, buyers, stores, disturber)
    rules = Rules(walk, scene, stores, platform.layout.stripe_url, COINS)
    with closing(walk):
        began = time.monotonic()
        walk.stock(PRODUCTS)
        _go(walk, rules, disturber, began + LONGEST_SECONDS)
        disturber.calm_down()
        walk.finish(END_SECONDS)
        quiet.wait()
        disturber.bring_everything_again()
        quiet.wait()
        rules.check_end()
        seconds = time.monotonic() - began
    assert _critical(platform) - critical == set()
    times = disturber.times()
    for name, (count, came, least) in times.items():
        print(f"{name}: {count} events came {came} times, each at least {least} times")
        assert least >= 2, name
    figures = {
        "orders": len(walk.orders),
        "steps": walk.steps,
        "requests refused": walk.refused,
        "checks": rules.checks,
        "events": sum(count for count, _, _ in times.values()),
        "times that they came": sum(came for _, came, _ in times.values()),
        "messages kept back": disturber.kept_back.total(),
        "pauses of workers": disturber.pauses.total(),
        "seconds": round(seconds),
    }
    for name, figure in figures.items():
        print(f"{name}: {figure}")
        record_property(f"walk of purchases, {name}", figure)


def _go(walk: Walk, rules: Rules, disturber: Disturber, until: float) -> None:
    """So many steps, and until each kind of event has come."""
    checked = 0
    while walk.steps < STEPS or not disturber.types >= ON_THE_WAY:
        assert time.monotonic() < until, ON_THE_WAY - disturber.types
        walk.step()
        disturber.check()
        rules.check_products()
        if walk.steps >= checked + CHECK_ALL_EVERY:
            checked = walk.steps
            rules.check_all()


def _critical(platform: RunningPlatform) -> set[str]:
    """What the services and their workers have called critical."""
    return {
        line
        for service in SERVICES
        for name in (service, f"{service}-worker")
        for line in (platform.layout.log_dir / f"{name}.log").read_text().splitlines()
        if '"level": "critical"' in line
    }
