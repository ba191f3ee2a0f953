"""Packing orders from before work orders keep their ids, states, products and codes, there and back."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine, pool, text

from libs.chassis.migrations import config_of, migrate
from tests.integration.admin.support import new_id

COLUMNS = "id, order_id, state, items, pickup_location_id, assignee_id, tracking_code, created_at, version"


def rows(database_url: str, statement: str) -> list[tuple[Any, ...]]:
    engine = create_engine(database_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


@pytest.mark.real_servers
def test_packing_orders_become_work_orders_and_go_back(empty_database_url: str) -> None:
    migrate("admin", empty_database_url, "0002")
    packing_id, order_id, location = new_id("pko"), new_id("bor"), new_id("loc")
    engine = create_engine(empty_database_url, poolclass=pool.NullPool)
    with engine.begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO packing_orders ({COLUMNS}) VALUES (:id, :order_id, 'open', :items, :location, NULL, "
                "'RC1', '2026-01-02 03:04:05.000000', 3)"
            ),
            {"id": packing_id, "order_id": order_id, "items": '[{"title": "Coat"}]', "location": location},
        )
    before = rows(empty_database_url, f"SELECT {COLUMNS} FROM packing_orders")
    migrate("admin", empty_database_url)
    work_order_id = packing_id.replace("pko_", "wor_")
    [made] = rows(empty_database_url, "SELECT id, kind, state, location_id, version FROM work_orders")
    assert made == (work_order_id, "packing", "open", location, 3)
    assert rows(empty_database_url, "SELECT work_order_id, order_id, kind FROM orders_at_work") == [
        (work_order_id, order_id, "packing")
    ]
    assert rows(empty_database_url, "SELECT order_id, tracking_code FROM packages") == [(order_id, "RC1")]
    command.downgrade(config_of("admin", empty_database_url), "0002")
    assert rows(empty_database_url, f"SELECT {COLUMNS} FROM packing_orders") == before
