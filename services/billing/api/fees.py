"""Own fees, and paying them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.idempotency import stable_id
from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.billing import fee_payments, fees
from services.billing.models import Fee
from services.billing.schemas import FeeSchema, PaymentSchema


def list_fees(state: str | None = None, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    own = select(Fee).where(Fee.payer_id == principal().subject)
    return page(
        own if state is None else own.where(Fee.state == state),
        order_by=[(Fee.created_at, "desc"), (Fee.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=FeeSchema().dump,
    )


def get_fee(fee_id: str) -> dict[str, Any]:
    fee: dict[str, Any] = FeeSchema().dump(fees.get_own(fee_id, principal().subject))
    return fee


def pay_fee(fee_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    payment = fee_payments.pay(
        fee_id, principal().subject, stable_id("pay"), body["method"], body.get("payment_method")
    )
    return PaymentSchema().dump(payment), 201, {"Location": f"/billing/v1/payments/{payment.id}"}
