"""A random walk over carts, orders, payments, cancellations and returns, while events are delayed, duplicated and
reordered: the invariants of purchases hold at every step, and every order and return reaches a final state.

`WALK_SEED` chooses another walk (its choices, not the timing of the services), `WALK_STEPS` its length.
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

from tests.acceptance.purchase_invariants import MessageDrain, PurchaseInvariants
from tests.acceptance.purchase_random_walk import PurchaseRandomWalk
from tests.acceptance.site import Site, create_site
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
FINISH_SECONDS, MAX_SECONDS = 300.0, 60 + 4 * STEPS
EXPECTED_EVENTS = {
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
def unthrottled(platform: RunningPlatform, tmp_path: Path) -> Iterator[RunningPlatform]:
    """The platform behind gateways without throttles, because all requests come from one address."""
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
def site(unthrottled: RunningPlatform, people: list[Actor]) -> Iterator[Site]:
    def staff(role: str) -> Staff:
        person = Staff(unthrottled.internal_url, unthrottled.ca_file, f"{role}@reclothes.example")
        people.append(person)
        person.log_in()
        return person

    site = create_site(unthrottled, staff, f"PurchaseRandomWalk {uuid.uuid4().hex[:8]}", BOXES)
    yield site
    site.controller.close()


@pytest.fixture
def buyers(
    unthrottled: RunningPlatform, disturber: Disturber, mailbox: Mailbox, site: Site, people: list[Actor]
) -> list[Customer]:
    """Register the buyers while events are disturbed already, and assign coins to each."""
    run = uuid.uuid4().hex[:8]
    buyers = [
        Customer(
            unthrottled.external_url,
            unthrottled.ca_file,
            f"walker.{run}.{number}@walk.example",
            f"pass-{run}-{number}",
        )
        for number in range(BUYERS)
    ]
    people.extend(buyers)
    for buyer in buyers:
        buyer.register("Wanda Walker")
    for buyer in buyers:
        buyer.confirm_email(verification_token(mailbox.wait_for_mail(buyer.user_name, "confirm")))
        buyer.log_in()
        assign_coins = partial(_assign_coins, site.manager, buyer.user_id)
        wait_for(f"an account of {buyer.user_name}", assign_coins, 60)
    return buyers


def _assign_coins(manager: Staff, person_id: str) -> bool | None:
    """Assign coins; None until billing has received the registration of the buyer."""
    body = {"person_id": person_id, "coins": COINS, "note": "for the walk"}
    key = idempotency_key()
    return (
        manager.call("POST", "/billing/v1/coin-records", json=body, headers=key, expect=(201, 422)).is_success
        or None
    )


@pytest.mark.timeout(1800)
def test_orders_money_and_products_are_consistent_at_every_step_and_at_the_end(
    platform: RunningPlatform,
    disturber: Disturber,
    buyers: list[Customer],
    site: Site,
    stores: Stores,
    record_property: Callable[[str, object], None],
) -> None:
    print(f"WALK_SEED={SEED} WALK_STEPS={STEPS}")
    critical, drain = _read_critical_lines(platform), MessageDrain(stores, disturber)
    walk = PurchaseRandomWalk(SEED, site, buyers, stores, disturber)
    invariants = PurchaseInvariants(walk, site, stores, platform.layout.stripe_url, COINS)
    with closing(walk):
        started = time.monotonic()
        walk.publish_products(PRODUCTS)
        _run(walk, invariants, disturber, started + MAX_SECONDS)
        disturber.calm_down()
        walk.finish(FINISH_SECONDS)
        drain.wait()
        disturber.bring_everything_again()
        drain.wait()
        invariants.check_end()
        seconds = time.monotonic() - started
    assert _read_critical_lines(platform) - critical == set()
    times = disturber.times()
    for name, (count, deliveries, minimum) in times.items():
        print(f"{name}: {count} events, {deliveries} deliveries, at least {minimum} of each event")
        assert minimum >= 2, name
    figures = {
        "orders": len(walk.orders),
        "steps": walk.steps,
        "rejected requests": walk.rejections,
        "checks": invariants.checks,
        "events": sum(count for count, _, _ in times.values()),
        "deliveries": sum(deliveries for _, deliveries, _ in times.values()),
        "delayed messages": disturber.kept_back.total(),
        "pauses of workers": disturber.pauses.total(),
        "seconds": round(seconds),
    }
    for name, figure in figures.items():
        print(f"{name}: {figure}")
        record_property(f"random walk of purchases, {name}", figure)


def _run(walk: PurchaseRandomWalk, invariants: PurchaseInvariants, disturber: Disturber, until: float) -> None:
    """Take STEPS steps, and more until each type of event was published."""
    checked = 0
    while walk.steps < STEPS or not disturber.types >= EXPECTED_EVENTS:
        assert time.monotonic() < until, EXPECTED_EVENTS - disturber.types
        walk.step()
        disturber.check()
        invariants.check_products()
        if walk.steps >= checked + CHECK_ALL_EVERY:
            checked = walk.steps
            invariants.check_all()


def _read_critical_lines(platform: RunningPlatform) -> set[str]:
    """The critical log lines of the services and their workers."""
    return {
        line
        for service in SERVICES
        for name in (service, f"{service}-worker")
        for line in (platform.layout.log_dir / f"{name}.log").read_text().splitlines()
        if '"level": "critical"' in line
    }
