"""Registration and email verification."""

from __future__ import annotations

from typing import Any

from services.auth import accounts


def register_customer(body: dict[str, Any]) -> tuple[dict[str, str], int]:
    purposes = [consent["purpose"] for consent in body["consents"]]
    accounts.register(body["email"], body["password"], body["full_name"], purposes)
    return {"status": "verification_sent"}, 202


def verify_email(body: dict[str, Any]) -> tuple[None, int]:
    accounts.verify_email(body["token"])
    return None, 204
