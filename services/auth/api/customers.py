"""Customer accounts, for staff."""

from __future__ import annotations

from typing import Any

from libs.chassis.pagination import page
from services.auth import customers
from services.auth.models import User
from services.auth.schemas import CustomerAccountSchema


def list_customers(
    limit: int = 20, cursor: str | None = None, email: str | None = None, state: str | None = None
) -> dict[str, Any]:
    return page(
        customers.listed(email, state),
        order_by=[(User.created_at, "desc"), (User.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=CustomerAccountSchema().dump,
    )


def get_customer(user_id: str) -> dict[str, Any]:
    return _answer(customers.read(user_id))


def forbid_customer(user_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return _answer(customers.forbid(user_id, body["reason"]))


def resume_customer(user_id: str) -> dict[str, Any]:
    return _answer(customers.resume(user_id))


def reset_customer_password(user_id: str) -> tuple[dict[str, str], int]:
    customers.reset_password(user_id)
    return {"status": "mail_sent"}, 202


def _answer(user: User) -> dict[str, Any]:
    account: dict[str, Any] = CustomerAccountSchema().dump(user)
    return account
