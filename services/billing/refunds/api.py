"""A customer's own refunds; listing refunds and replacing a failed one as staff."""

from __future__ import annotations

from typing import Any

from libs.chassis import audit
from libs.chassis.problems import Unprocessable
from libs.chassis.security import principal
from services.billing.pages import list_newest_first
from services.billing.refunds import replacement
from services.billing.refunds.schemas import MonitoredRefundSchema, RefundSchema
from services.billing.refunds.tables import Refund


def list_refunds(
    payment_id: str | None = None, order_id: str | None = None, limit: int = 20, cursor: str | None = None
) -> dict[str, Any]:
    filters = {Refund.buyer_id: principal().subject, Refund.payment_id: payment_id, Refund.order_id: order_id}
    return list_newest_first(Refund.created_at, filters, RefundSchema(), limit, cursor)


def list_all_refunds(
    order_id: str | None = None,
    buyer_id: str | None = None,
    state: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> dict[str, Any]:
    filters = {Refund.order_id: order_id, Refund.buyer_id: buyer_id, Refund.state: state}
    return list_newest_first(Refund.created_at, filters, MonitoredRefundSchema(), limit, cursor)


def replace_refund(refund_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    reference: str | None = body.get("reference")
    if (body["method"] == replacement.TRANSFER) != (reference is not None):
        detail = "required for the method transfer, and not allowed for card"
        raise Unprocessable(errors=[{"pointer": "/reference", "detail": detail}])
    refund = replacement.replace_failed(refund_id, reference, despite_dispute=body.get("despite_dispute", False))
    audit.record("replace_refund", refund_id, after={"replaced_by": refund.id, "state": refund.state} | body)
    return MonitoredRefundSchema().dump(refund), 201
