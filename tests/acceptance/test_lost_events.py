"""When events between two domains are lost, the domains compare their states and the order continues."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import NullPool, create_engine

from tests.acceptance.conftest import CustomerFactory
from tests.acceptance.site import Site
from tests.support.platform import RunningPlatform
from tools.demo.people import Customer, Json, wait_for

MAX_SECONDS = 60

pytestmark = [pytest.mark.real_servers(only=True), pytest.mark.alone]


@pytest.fixture
def buyer(new_customer: CustomerFactory) -> Customer:
    return new_customer()


@contextmanager
def lose_events(platform: RunningPlatform, event_type: str) -> Iterator[None]:
    """Inside the block, events of this type are marked as published without being sent."""
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


def test_an_order_continues_within_a_minute_after_its_events_were_lost(
    platform: RunningPlatform, buyer: Customer, site: Site, published_coat: Callable[..., str]
) -> None:
    coat_id = published_coat()
    with lose_events(platform, "customer.buying_order.paid.v1"):
        with lose_events(platform, "shopping.hold.sold.v1"):
            order = buyer.place_order([coat_id], site.location_id)
            buyer.pay(order["id"], buyer.card())

            def is_sold() -> bool | None:
                product = site.employee.call("GET", f"/shopping/v1/inventory/{coat_id}").json()
                return True if product["state"] == "sold" else None

            wait_for("the coat to be sold", is_sold)
            assert buyer.order(order["id"])["state"] == "placed"

        def in_state(state: str) -> Json | None:
            present = buyer.order(order["id"])
            return present if present["state"] == state else None

        wait_for("the payment to be captured after the lost sale", lambda: in_state("paid"), MAX_SECONDS)
    query = {"kind": "packing", "order_id": order["id"]}

    def read_work_order() -> Json | None:
        work_orders: list[Json] = site.manager.call("GET", "/admin/v1/work-orders", params=query).json()["items"]
        return work_orders[0] if work_orders else None

    wait_for("the packing order after the lost payment", read_work_order, MAX_SECONDS)
    site.pack(order["id"])
    buyer.wait_for_order(order["id"], "packed")
