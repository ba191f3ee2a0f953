"""One mailbox has one account, wherever an address is accepted; stored addresses are converted."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from libs.chassis import db
from services.auth import accounts, email_conversion
from services.auth.models import User
from tests.integration.auth.people import PASSWORD, People
from tests.integration.auth.test_staff import RUI, Office, hire, office  # noqa: F401 a fixture

NO_ADDRESSES = ["Ana Costa <ana9@mode.example>", "ana@localhost", "ana@[127.0.0.1]", "inés@mode.example"]


@pytest.mark.parametrize("email", NO_ADDRESSES)
def test_what_is_no_address_is_refused_at_every_entry(office: Office, email: str) -> None:  # noqa: F811
    people = office.people
    for answer in (
        people.register(email),
        people.post("password-resets", {"email": email}),
        office.ask("POST", "staff", json=RUI | {"email": email}),
    ):
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/email")
    searched = office.ask("GET", "customers", params={"email": email})
    assert (searched.status_code, searched.json()["errors"][0]["pointer"]) == (400, "query/email")
    assert people.log_in(email).status_code == 401
    assert people.mails() == []


@pytest.mark.real_servers
def test_every_spelling_of_a_domain_is_one_account(office: Office) -> None:  # noqa: F811
    people = office.people
    people.register("ana@münchen-mode.example")
    assert people.mails()[-1].recipient == "ana@xn--mnchen-mode-thb.example"
    assert people.confirm(people.link_token()).status_code == 204
    for domain in ("MÜNCHEN-mode.example", "xn--mnchen-mode-thb.example", "mu\u0308nchen-mode.example"):
        spelling = f"Ana@{domain}"
        assert people.log_in(spelling).status_code == 201
        assert people.register(spelling).status_code == people.ask_for_link(spelling).status_code == 202
        assert len(office.ask("GET", "customers", params={"email": spelling}).json()["items"]) == 1
    assert {mail.recipient for mail in people.mails()} == {"ana@xn--mnchen-mode-thb.example"}
    hire(office, email="rui@Straße.example")
    taken = office.ask("POST", "staff", json=RUI | {"email": "rui@xn--strae-oqa.example"})
    assert taken.status_code == 409


def _store(people: People, *emails: str) -> list[str]:
    """Accounts whose addresses an older version stored; their ids."""
    ids = []
    for number, email in enumerate(emails):
        people.register(f"old{number}@example.org")
        people.confirm(people.link_token())
        with db.unit_of_work() as session:
            user = session.scalars(select(User).where(User.email == f"old{number}@example.org")).one()
            session.execute(update(User).where(User.id == user.id).values(email=email))
            ids.append(user.id)
    return ids


def _stored(user_id: str) -> str:
    with db.unit_of_work(reads_only=True) as session:
        return session.get_one(User, user_id).email


@pytest.mark.real_servers
def test_stored_addresses_are_converted_once_and_a_dry_run_changes_nothing(people: People) -> None:
    emails = ["ana@münchen.example", "rui <rui@example.org>", "eva <ana@xn--mnchen-3ya.example>", "jo@localhost"]
    ids = _store(people, *emails, "ok@example.org")
    planned = email_conversion.convert(dry_run=True)
    assert [_stored(one) for one in ids] == [*emails, "ok@example.org"]
    done = email_conversion.convert(dry_run=False)
    assert done == planned
    assert (len(done.changed), len(done.duplicate), done.invalid) == (2, 1, [ids[3]])
    assert _stored(ids[1]) == "rui@example.org"
    assert {_stored(ids[0]), _stored(ids[2])} > {"ana@xn--mnchen-3ya.example"}
    again = email_conversion.convert(dry_run=False)
    assert (again.changed, again.duplicate, again.invalid) == ([], done.duplicate, done.invalid)
    assert people.log_in("Rui@example.org").status_code == 201
    actions = [entry["action"] for entry in people.auth.published("auth.audit.recorded.v1")]
    assert actions.count("normalize_email_address") == 2


def test_an_account_with_an_address_that_is_no_longer_accepted_still_logs_in(people: People) -> None:
    [_, unconverted] = _store(people, "inés@example.org", "ana@münchen.example")
    assert people.log_in("Inés@Example.org").status_code == 201
    assert people.log_in("Ana@münchen.example").status_code == 201
    assert people.register("ana@MÜNCHEN.example").status_code == 202
    assert "already" in people.mails()[-1].subject
    people.ask_for_link("ana@münchen.example")
    assert "new password" in people.mails()[-1].subject
    assert _stored(unconverted) == "ana@münchen.example"
    with db.unit_of_work():
        assert accounts.find("inés@example.org") is not None
    assert people.register("ines@example.org", PASSWORD).status_code == 202
