"""A customer's own fees; `payments.api` pays them."""

from __future__ import annotations

from typing import Any

from libs.chassis.security import principal
from services.billing.fees import charging
from services.billing.fees.schemas import FeeSchema
from services.billing.fees.tables import Fee
from services.billing.pages import list_newest_first


def list_fees(state: str | None = None, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    filters = {Fee.payer_id: principal().subject, Fee.state: state}
    return list_newest_first(Fee.created_at, filters, FeeSchema(), limit, cursor)


def get_fee(fee_id: str) -> dict[str, Any]:
    return dict(FeeSchema().dump(charging.get_own_fee(fee_id, principal().subject)))
