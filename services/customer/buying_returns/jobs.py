"""The periodic job of returns of purchases."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.jobs import for_each
from services.customer.buying_returns import lifecycle
from services.customer.buying_returns.tables import BuyingReturn
from services.customer.registry import registry

BATCH_SIZE = 100


@registry.every(seconds=30)
def expire_returns() -> None:
    """Expire the returns whose clothes were not deposited while the box was held."""
    due = select(BuyingReturn.id).where(BuyingReturn.state == "created", BuyingReturn.deposit_until < clock.now())
    for_each(
        "expire_returns",
        due.order_by(BuyingReturn.deposit_until).limit(BATCH_SIZE),
        lambda return_id: lifecycle.apply_event(return_id, "expire"),
    )
