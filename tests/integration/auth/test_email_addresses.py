"""Email addresses are validated and normalised by every operation that accepts one."""

from __future__ import annotations

import pytest

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
