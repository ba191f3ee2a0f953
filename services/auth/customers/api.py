"""Customer accounts, for staff."""

from __future__ import annotations

from typing import Any

from libs.chassis.pagination import page
from services.auth.accounts import users
from services.auth.accounts.tables import User
from services.auth.customers import administration
from services.auth.customers.schemas import CustomerAccountSchema


def list_customers(
    limit: int = 20, cursor: str | None = None, email: str | None = None, state: str | None = None
) -> dict[str, Any]:
    return page(
        administration.select_customers(email, state),
        order_by=[(User.created_at, "desc"), (User.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=CustomerAccountSchema().dump,
    )


def get_customer(user_id: str) -> dict[str, Any]:
    return _render(users.get(user_id, "customer"))


def suspend_customer(user_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return _render(administration.suspend(user_id, body["reason"]))


def reinstate_customer(user_id: str) -> dict[str, Any]:
    return _render(administration.reinstate(user_id))


def reset_customer_password(user_id: str) -> tuple[dict[str, str], int]:
    administration.reset_password(user_id)
    return {"status": "mail_sent"}, 202


def _render(user: User) -> dict[str, Any]:
    account: dict[str, Any] = CustomerAccountSchema().dump(user)
    return account
