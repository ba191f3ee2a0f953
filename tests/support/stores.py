"""The stores of a running platform, read past its services; and times in them moved into the past."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pymongo
import pytest
from sqlalchemy import ColumnElement, Engine, create_engine, func, make_url, select, update

from libs.chassis import clock, db, settings
from libs.chassis.tables import OutboxRow
from services.billing.ledger.jobs import find_ledger_faults
from services.billing.settings import BillingSettings
from services.customer.buying_orders.tables import BuyingOrder
from services.customer.buying_returns.tables import BuyingReturn
from services.locker.boxes.tables import Box
from services.locker.doors.tables import DoorRight
from tools.local_platform.credentials import ensure
from tools.local_platform.environment import service_settings
from tools.local_platform.layout import HOST, Layout
from tools.project import SERVICES

WAITS_SECONDS = 30  # for a worker that was stopped in the middle of a transaction
A_MOMENT = timedelta(seconds=1)


class Stores:
    """The stores of one platform, whichever databases it uses."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._engines = {name: self._engine(layout.database_url(name)) for name in SERVICES}
        self._mongo: pymongo.MongoClient[Any] = pymongo.MongoClient(f"mongodb://{HOST}:{layout.port('secantus')}")
        self._shop = self._mongo["shopping"]

    @staticmethod
    def _engine(url: str) -> Engine:
        """MariaDB waits for a lock by itself, SQLite for the given time."""
        is_sqlite = make_url(url).get_backend_name() == "sqlite"
        return create_engine(url, connect_args={"timeout": WAITS_SECONDS} if is_sqlite else {})

    def close(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._mongo.close()

    def products(self, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The documents of products, by id."""
        fields = {"state": 1, "hold": 1, "price": 1, "sale_ended_by": 1}
        found = self._shop["products"].find({"_id": {"$in": list(ids)}}, fields)
        return {document["_id"]: document for document in found}

    def holds(self, order_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The documents of holds, by the order's id."""
        found = self._shop["holds"].find({"_id": {"$in": list(order_ids)}})
        return {document["_id"]: document for document in found}

    def unsent(self) -> int:
        """How many events wait in all outboxes."""
        waiting = select(func.count()).select_from(OutboxRow).where(OutboxRow.published_at.is_(None))
        total = 0
        for engine in self._engines.values():
            with engine.connect() as connection:
                total += int(connection.scalar(waiting) or 0)
        return total

    def ledger_faults(self) -> list[str]:
        """What billing's nightly check would find now."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in service_settings(self._layout, ensure(self._layout), "billing").items():
                patch.setenv(name, value)
            settings.use_settings(BillingSettings.from_environment())
        with db.unit_of_work(reads_only=True):
            return find_ledger_faults()

    def _change(self, service: str, table: Any, *where: ColumnElement[bool], **values: Any) -> int:
        with self._engines[service].begin() as connection:
            return int(connection.execute(update(table).where(*where).values(values)).rowcount)

    # What time does.

    def let_hold_lapse(self, order_id: str) -> None:
        past = clock.now() - A_MOMENT
        self._shop["holds"].update_one({"_id": order_id}, {"$set": {"until": past}})
        held = {"hold.order_id": order_id, "state": "held"}
        self._shop["products"].update_many(held, {"$set": {"hold.until": past}})

    def let_return_window_close(self, order_id: str) -> None:
        mine = (BuyingOrder.id == order_id, BuyingOrder.state == "picked_up")
        self._change("customer", BuyingOrder, *mine, return_until=clock.now() - A_MOMENT)

    def let_pick_up_end(self, order_id: str) -> None:
        """Its time in the box, and the day more for late news."""
        mine = (BuyingOrder.id == order_id, BuyingOrder.state == "in_box")
        self._change("customer", BuyingOrder, *mine, pick_up_until=clock.now() - timedelta(days=1) - A_MOMENT)

    def let_deposit_end(self, return_id: str) -> None:
        """Nobody put the return into the box that is held for it."""
        past = clock.now() - A_MOMENT
        self._change("customer", BuyingReturn, BuyingReturn.id == return_id, deposit_until=past)
        self._change("locker", DoorRight, DoorRight.order_id == return_id, valid_until=past)
        held = (Box.held_for_order_id == return_id, Box.state == "held")
        self._change("locker", Box, *held, held_until=past)
