"""Events that are lost between two domains: the domains compare their states, and the order goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import NullPool, create_engine

from tests.acceptance.conftest import MakeCustomer
from tests.acceptance.scene import Scene
from tests.support.platform import RunningPlatform
from tools.demo.people import Customer, Json, wait_for

WITHIN_SECONDS = 60

pytestmark = [pytest.mark.real_servers(only=True), pytest.mark.alone]


@pytest.fixture
def buyer(new_customer: MakeCustomer) -> Customer:
    return new_customer()


@contextmanager
def losing(platform: RunningPlatform, event_type: str) -> Iterator[None]:
    """Inside, each event of this type counts as published, but is never sent."""
    engine = create_engine(platform.layout.database_url(event_type.partition(".")[0]), poolclass=NullPool)
    rule = (
        "CREATE TRIGGER lose_event BEFORE INSERT ON outbox FOR EACH ROW "
        f"IF NEW.type = '{event_type}' THEN SET NEW.published_at = UTC_TIMESTAMP(6); END IF"
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(rule)
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER lose_event")


def test_an_order_goes_on_within_a_minute_though_its_events_are_lost(
    platform: RunningPlatform, buyer: Customer, scene: Scene, published_coat: Callable[..., str]
) -> None:
    coat_id = published_coat()
    with losing(platform, "customer.buying_order.paid.v1"):
        with losing(platform, "shopping.hold.sold.v1"):
            order = buyer.place_order([coat_id], scene.location_id)
            buyer.pay(order["id"], buyer.card())

            def is_sold() -> bool | None:
                product = scene.employee.call("GET", f"/shopping/v1/inventory/{coat_id}").json()
                return True if product["state"] == "sold" else None

            wait_for("the coat to be sold", is_sold)
            assert buyer.order(order["id"])["state"] == "placed"

        def in_state(state: str) -> Json | None:
            found = buyer.order(order["id"])
            return found if found["state"] == state else None

        wait_for("the payment to be captured after the lost sale", lambda: in_state("paid"), WITHIN_SECONDS)
    query = {"kind": "packing", "order_id": order["id"]}

    def work() -> Json | None:
        found: list[Json] = scene.manager.call("GET", "/admin/v1/work-orders", params=query).json()["items"]
        return found[0] if found else None

    wait_for("the packing order after the lost payment", work, WITHIN_SECONDS)
    scene.pack(order["id"])
    buyer.wait_for_order(order["id"], "packed")
