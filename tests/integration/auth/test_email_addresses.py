"""Email addresses are validated and normalised by every operation that accepts one."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from libs.chassis import db
from services.auth.accounts.normalize_emails import normalize_all
from services.auth.accounts.tables import User
from tests.integration.auth.auth_api import AuthApi
from tests.integration.auth.test_staff import RUI, StaffApi, hire, staff  # noqa: F401 a fixture

NO_ADDRESSES = ["Ana Costa <ana9@mode.example>", "ana@localhost", "ana@[127.0.0.1]", "inés@mode.example"]


@pytest.mark.parametrize("email", NO_ADDRESSES)
def test_an_invalid_address_is_rejected_by_every_operation(staff: StaffApi, email: str) -> None:  # noqa: F811
    api = staff.api
    for response in (
        api.register(email),
        api.post("password-resets", {"email": email}),
        staff.request("POST", "staff", json=RUI | {"email": email}),
    ):
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "/email")
    searched = staff.request("GET", "customers", params={"email": email})
    assert (searched.status_code, searched.json()["errors"][0]["pointer"]) == (400, "query/email")
    assert api.log_in(email).status_code == 401
    assert api.mails() == []


@pytest.mark.real_servers
def test_all_notations_of_a_domain_are_one_account(staff: StaffApi) -> None:  # noqa: F811
    api = staff.api
    api.register("ana@münchen-mode.example")
    assert api.mails()[-1].recipient == "ana@xn--mnchen-mode-thb.example"
    assert api.verify_email(api.link_token()).status_code == 204
    for domain in ("MÜNCHEN-mode.example", "xn--mnchen-mode-thb.example", "mu\u0308nchen-mode.example"):
        spelling = f"Ana@{domain}"
        assert api.log_in(spelling).status_code == 201
        assert api.register(spelling).status_code == api.request_reset_link(spelling).status_code == 202
        assert len(staff.request("GET", "customers", params={"email": spelling}).json()["items"]) == 1
    assert {mail.recipient for mail in api.mails()} == {"ana@xn--mnchen-mode-thb.example"}
    hire(staff, email="rui@Straße.example")
    rejected = staff.request("POST", "staff", json=RUI | {"email": "rui@xn--strae-oqa.example"})
    assert rejected.status_code == 409


def _store(api: AuthApi, *emails: str) -> list[str]:
    """Create accounts with these addresses as they are, without validation; returns their ids."""
    ids = []
    for number, email in enumerate(emails):
        api.register(f"old{number}@example.org")
        api.verify_email(api.link_token())
        with db.unit_of_work() as session:
            user = session.scalars(select(User).where(User.email == f"old{number}@example.org")).one()
            session.execute(update(User).where(User.id == user.id).values(email=email))
            ids.append(user.id)
    return ids


def _read(user_id: str) -> str:
    with db.unit_of_work(reads_only=True) as session:
        return session.get_one(User, user_id).email


@pytest.mark.real_servers
def test_stored_addresses_are_normalized_once_and_a_dry_run_changes_nothing(api: AuthApi) -> None:
    emails = ["ana@münchen.example", "rui <rui@example.org>", "eva <ana@xn--mnchen-3ya.example>", "jo@localhost"]
    ids = _store(api, *emails, "ok@example.org")
    planned = normalize_all(dry_run=True)
    assert [_read(user_id) for user_id in ids] == [*emails, "ok@example.org"]
    report = normalize_all(dry_run=False)
    assert report == planned
    assert (len(report.changed), len(report.duplicate), report.invalid) == (2, 1, [ids[3]])
    assert _read(ids[1]) == "rui@example.org"
    assert {_read(ids[0]), _read(ids[2])} > {"ana@xn--mnchen-3ya.example"}
    repeated = normalize_all(dry_run=False)
    assert (repeated.changed, repeated.duplicate, repeated.invalid) == ([], report.duplicate, report.invalid)
    assert api.log_in("Rui@example.org").status_code == 201
    actions = [entry["action"] for entry in api.auth.published("auth.audit.recorded.v1")]
    assert actions.count("normalize_email_address") == 2
