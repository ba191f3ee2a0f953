"""Returns of purchases read from the database.

An order and its returns change under the lock of the order: two returns of the same product, or a return and the
end of the return window, exclude each other there.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from libs.chassis.db import session
from services.customer.buying_orders.queries import buying_orders
from services.customer.buying_returns.schemas import BuyingReturnSchema
from services.customer.buying_returns.tables import BuyingReturn
from services.customer.records import Records


class BuyingReturns(Records[BuyingReturn]):
    """Returns of purchases; with a return its order is locked, too."""

    def find(self, record_id: str, *, locked: bool = False) -> BuyingReturn | None:
        if locked:
            order_id = session().scalar(select(BuyingReturn.order_id).where(BuyingReturn.id == record_id))
            if order_id is None:
                return None
            buying_orders.find(order_id, locked=True)
        return super().find(record_id, locked=locked)

    def list_by_order(self, order_id: str) -> list[BuyingReturn]:
        """The returns of an order, oldest first."""
        statement = self.select().where(BuyingReturn.order_id == order_id)
        return list(session().scalars(statement.order_by(BuyingReturn.created_at, BuyingReturn.id)))


buying_returns = BuyingReturns(
    BuyingReturn,
    owner=BuyingReturn.buyer_id,
    parts=(selectinload(BuyingReturn.items), selectinload(BuyingReturn.timeline)),
    schema=BuyingReturnSchema(),
    sort_orders={
        "newest": [(BuyingReturn.created_at, "desc"), (BuyingReturn.id, "desc")],
        "oldest": [(BuyingReturn.created_at, "asc"), (BuyingReturn.id, "asc")],
    },
)
