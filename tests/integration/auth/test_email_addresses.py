"""One mailbox has one account, wherever an address is accepted; stored addresses are converted."""

from __future__ import annotations

import pytest

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
