"""What was agreed with buyers on clothes that came back bad."""

from __future__ import annotations

from typing import Any

from libs.chassis import clock
from libs.chassis.security import principal
from services.admin.returns import contacts
from services.admin.returns.schemas import ReturnContactSchema
from services.admin.returns.tables import ReturnContact


def record_return_contact(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    contact = ReturnContact(
        return_id=body["return_id"],
        contacted_at=clock.parse_rfc3339(body["contacted_at"]),
        channel=body["channel"],
        note=body.get("note"),
        refund_amount=body["refund"]["amount"],
        currency=body["refund"]["currency"],
        decided_by=principal().subject,
        recorded_at=clock.now(),
    )
    contacts.record(contact)
    location = f"/admin/v1/return-contacts/{contact.return_id}"
    return dict(ReturnContactSchema().dump(contact)), 201, {"Location": location}


def get_return_contact(return_id: str) -> dict[str, Any]:
    return dict(ReturnContactSchema().dump(contacts.get(return_id)))
