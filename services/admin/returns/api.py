"""What was agreed with buyers on clothes that came back bad."""

from __future__ import annotations

from typing import Any

from libs.chassis import clock
from libs.chassis.money import Money
from libs.chassis.security import principal
from services.admin.returns import contacts
from services.admin.returns.rules import Agreement
from services.admin.returns.schemas import ReturnContactSchema


def record_return_contact(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    contacted_at, refund = clock.parse_rfc3339(body["contacted_at"]), Money.from_dict(body["refund"])
    agreement = Agreement(contacted_at, body["channel"], body.get("note"), refund)
    contact = contacts.record(body["return_id"], agreement, principal().subject)
    location = f"/admin/v1/return-contacts/{contact.return_id}"
    return dict(ReturnContactSchema().dump(contact)), 201, {"Location": location}


def get_return_contact(return_id: str) -> dict[str, Any]:
    return dict(ReturnContactSchema().dump(contacts.get(return_id)))
