"""Stories c-01 to c-12: register, log in and log out at each gateway."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.acceptance.conftest import CustomerFactory
from tests.support.platform import RunningPlatform
from tools.demo.people import Customer, Mailbox, Staff, verification_token


@pytest.mark.story("c-01")
@pytest.mark.story("c-04")
def test_an_account_can_log_in_only_after_the_email_is_verified(
    new_customer: CustomerFactory, mailbox: Mailbox
) -> None:
    customer = new_customer(verified=False)
    credentials = {"user_name": customer.user_name, "password": customer.password}
    problem = customer.call("POST", customer.login_path, json=credentials, expect=403).json()
    assert problem["type"].endswith("/email-not-verified")

    token = verification_token(mailbox.wait_for_mail(customer.user_name, "confirm"))
    customer.confirm_email(token)
    assert customer.log_in()["user"]["kind"] == "customer"
    profile = customer.call("GET", "/customer/v1/profile").json()
    assert profile["full_name"] == "Ana Acceptance"
    customer.call("POST", "/auth/v1/email-verifications", json={"token": token}, expect=410)


def test_registering_an_existing_address_gives_the_same_response(
    new_customer: CustomerFactory, mailbox: Mailbox
) -> None:
    existing = new_customer()
    existing.register("Somebody Else")
    assert existing.last is not None
    assert existing.last.json() == {"status": "verification_sent"}
    assert "already" in mailbox.wait_for_mail(existing.user_name, "already").lower()


@pytest.mark.story("c-02")
@pytest.mark.story("c-05")
def test_a_customer_logs_in_with_user_name_and_password(new_customer: CustomerFactory) -> None:
    customer = new_customer(logged_in=False)
    response = customer.log_in()
    assert response["token_type"] == "Bearer"
    assert response["access_token"].count(".") == 0, "the access token is opaque and not a JWT"
    customer.call("GET", "/auth/v1/session")


def test_a_wrong_password_and_an_unknown_address_get_the_same_response(new_customer: CustomerFactory) -> None:
    customer = new_customer(logged_in=False)
    problems = []
    for address in (customer.user_name, "nobody@acceptance.example"):
        credentials = {"user_name": address, "password": "not-the-password"}
        problem = customer.call("POST", customer.login_path, json=credentials, expect=401).json()
        problem.pop("instance", None)
        problems.append(problem)
    assert problems[0] == problems[1]


@pytest.mark.story("c-03")
@pytest.mark.story("c-06")
def test_after_logging_out_the_token_is_rejected_immediately_at_both_gateways(
    new_customer: CustomerFactory, platform: RunningPlatform
) -> None:
    customer = new_customer()
    customer.call("GET", "/customer/v1/profile")
    customer.log_out()
    response = customer.call("GET", "/customer/v1/profile", expect=401)
    assert response.headers["www-authenticate"].startswith("Bearer")
    internal = Staff(platform.internal_url, platform.ca_file, customer.user_name)
    internal.token = customer.token
    internal.call("GET", "/auth/v1/session", expect=401)
    internal.close()


@pytest.mark.story("c-07")
@pytest.mark.story("c-08")
@pytest.mark.story("c-09")
@pytest.mark.story("c-10")
@pytest.mark.story("c-11")
@pytest.mark.story("c-12")
@pytest.mark.parametrize("role", ["employee", "manager", "deliveryman"])
def test_staff_logs_in_and_out_only_at_the_internal_gateway(
    role: str, staff_member: Callable[[str], Staff], platform: RunningPlatform
) -> None:
    person = staff_member(role)
    assert role in person.call("GET", "/auth/v1/session").json()["user"]["roles"]

    external = Customer(platform.external_url, platform.ca_file, person.user_name, person.password)
    credentials = {"user_name": person.user_name, "password": person.password}
    external.call("POST", "/auth/v1/logins", json=credentials, expect=401)
    external.call("POST", "/auth/v1/staff-logins", json=credentials, expect=404)
    external.token = person.token
    external.call("GET", "/auth/v1/session", expect=401)
    external.close()

    person.log_out()
    person.call("GET", "/auth/v1/session", expect=401)


def test_a_customer_cannot_log_in_at_the_internal_gateway(
    new_customer: CustomerFactory, platform: RunningPlatform
) -> None:
    customer = new_customer()
    internal = Staff(platform.internal_url, platform.ca_file, customer.user_name, customer.password)
    credentials = {"user_name": customer.user_name, "password": customer.password}
    internal.call("POST", "/auth/v1/staff-logins", json=credentials, expect=401)
    internal.token = customer.token
    internal.call("GET", "/shopping/v1/inventory", expect=401)
    internal.close()
