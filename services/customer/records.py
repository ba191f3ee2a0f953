"""Orders and returns of one kind, read from the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from marshmallow import Schema
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.orm.interfaces import ORMOption

from libs.chassis.db import locked_scalar, session
from libs.chassis.pagination import Order, page
from libs.chassis.problems import NotFound
from services.customer.base import HasTimeline

Row = TypeVar("Row", bound=HasTimeline)


@dataclass
class Records(Generic[Row]):
    """The rows of a table with their parts, such as items; `owner` is the column of the customer they belong to."""

    table: type[Row]
    owner: InstrumentedAttribute[str]
    parts: Sequence[ORMOption]
    schema: Schema
    sort_orders: Mapping[str, Order]

    def select(self) -> Select[Row]:
        return select(self.table).options(*self.parts)

    def dump(self, record: Row) -> dict[str, Any]:
        """The row as JSON."""
        return dict(self.schema.dump(record))

    def find(self, record_id: str, *, locked: bool = False) -> Row | None:
        """The row with this id and its parts; `locked` until the end of the unit of work."""
        statement = self.select().where(self.table.id == record_id)
        return locked_scalar(statement) if locked else session().scalar(statement)

    def get(self, record_id: str, *, locked: bool = False) -> Row:
        """The same. NotFound."""
        record = self.find(record_id, locked=locked)
        if record is None:
            raise NotFound
        return record

    def get_own(self, record_id: str, customer_id: str, *, locked: bool = False) -> Row:
        """The same for its owner. NotFound for other customers."""
        record = self.get(record_id, locked=locked)
        if getattr(record, self.owner.key) != customer_id:
            raise NotFound
        return record

    def list_page(
        self, limit: int, cursor: str | None, *conditions: ColumnElement[bool], sort: str = "newest", **equal: Any
    ) -> dict[str, Any]:
        """A page of rows as JSON; `equal` gives the values of columns, where None stands for any value."""
        filters = [getattr(self.table, name) == value for name, value in equal.items() if value is not None]
        statement = self.select().where(*conditions, *filters)
        order_by = self.sort_orders[sort]
        return page(statement, order_by=order_by, limit=limit, cursor=cursor, dump=self.schema.dump)
