"""Own refunds, and those of everybody for staff."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis import audit
from libs.chassis.problems import Unprocessable
from libs.chassis.security import principal
from services.billing import refunds
from services.billing.models import Refund
from services.billing.pages import page_of
from services.billing.schemas import MonitoredRefundSchema, RefundSchema


def list_refunds(
    payment_id: str | None = None, order_id: str | None = None, limit: int = 20, cursor: str | None = None
) -> dict[str, Any]:
    own = select(Refund).where(Refund.buyer_id == principal().subject)
    wanted = {Refund.payment_id: payment_id, Refund.order_id: order_id}
    return page_of(own, Refund, wanted, RefundSchema(), limit, cursor)


def list_all_refunds(
    order_id: str | None = None,
    buyer_id: str | None = None,
    state: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> dict[str, Any]:
    wanted = {Refund.order_id: order_id, Refund.buyer_id: buyer_id, Refund.state: state}
    return page_of(select(Refund), Refund, wanted, MonitoredRefundSchema(), limit, cursor)


def replace_refund(refund_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    reference: str | None = body.get("reference")
    if (body["method"] == refunds.TRANSFER) != (reference is not None):
        detail = "the reference of the bank transfer, and nothing for a card"
        raise Unprocessable(errors=[{"pointer": "/reference", "detail": detail}])
    refund = refunds.replace(refund_id, reference, despite_dispute=body.get("despite_dispute", False))
    audit.record("replace_refund", refund_id, after={"replaced_by": refund.id, "state": refund.state} | body)
    return MonitoredRefundSchema().dump(refund), 201
