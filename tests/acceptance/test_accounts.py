"""Accounts of customers and staff: stories mf-eu-01 to mf-eu-03, mf-iu-01, mf-iu-02."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.acceptance.conftest import CustomerFactory
from tests.support.platform import RunningPlatform
from tools.demo.people import Actor, Customer, Json, Mailbox, Staff, verification_token, wait_for

NEW_PASSWORD = "sunny-teapot-marathon"


@pytest.fixture
def invited(
    platform: RunningPlatform, manager: Staff, mailbox: Mailbox, people: list[Actor]
) -> Iterator[tuple[str, Staff]]:
    """Invite an employee, who sets a password and logs in; the id and the person."""
    address = f"staff.{uuid.uuid4().hex}@reclothes.example"
    user_id = manager.create_staff(address, "Rui Silva", "employee")["id"]
    person = Staff(platform.internal_url, platform.ca_file, address)
    people.append(person)
    person.set_password(verification_token(mailbox.wait_for_mail(address, "account")), NEW_PASSWORD)
    person.log_in()
    yield user_id, person
    manager.call("DELETE", f"/auth/v1/staff/{user_id}", expect=204)


def wait_for_audit_entry(manager: Staff, action: str, target: str, after: Json) -> Json:
    """Wait for the audit entry whose target ends with `target` and whose new values include `after`."""

    def read() -> Json | None:
        for entry in manager.call("GET", "/admin/v1/audit-entries", params={"limit": 100}).json()["items"]:
            is_same = entry["action"] == action and entry["target"].endswith(target)
            if is_same and after.items() <= (entry["after"] or {}).items():
                return dict(entry)
        return None

    return wait_for(f"{action} in the audit trail", read)


@pytest.mark.story("mf-eu-01")
@pytest.mark.story("mf-eu-02")
def test_a_suspended_customer_is_locked_out_until_reinstated(
    new_customer: CustomerFactory, employee: Staff, manager: Staff
) -> None:
    customer = new_customer()
    user_id = customer.user_id
    customers = employee.call("GET", "/auth/v1/customers", params={"email": customer.user_name}).json()["items"]
    assert [account["id"] for account in customers] == [user_id]
    suspension = f"/auth/v1/customers/{user_id}/suspension"
    employee.call("PUT", suspension, json={"reason": "Sold things that were not theirs."})

    customer.call("GET", "/customer/v1/profile", expect=401)
    customer.refresh(expect=401)
    credentials = {"user_name": customer.user_name, "password": customer.password}
    problem = customer.call("POST", customer.login_path, json=credentials, anonymous=True, expect=403).json()
    assert problem["type"].endswith("/account-suspended")
    assert "Sold things that were not theirs." in problem["detail"]
    entry = wait_for_audit_entry(manager, "suspend_customer", user_id, {"state": "suspended"})
    assert entry["before"]["state"] == "active"

    employee.call("DELETE", suspension)
    customer.log_in()
    customer.call("GET", "/customer/v1/profile")


@pytest.mark.story("mf-eu-03")
def test_an_employee_resets_the_password_of_a_customer(
    new_customer: CustomerFactory, employee: Staff, mailbox: Mailbox
) -> None:
    customer = new_customer()
    response = employee.call("POST", f"/auth/v1/customers/{customer.user_id}/password-resets", expect=202)
    assert response.json() == {"status": "mail_sent"}
    customer.call("GET", "/auth/v1/session", expect=401)
    credentials = {"user_name": customer.user_name, "password": customer.password}
    customer.call("POST", customer.login_path, json=credentials, anonymous=True, expect=401)
    link = verification_token(mailbox.wait_for_mail(customer.user_name, "set a new password"))
    customer.set_password(link, NEW_PASSWORD)
    customer.log_in()
    body = {"token": link, "password": "another-password-1"}
    customer.call("POST", customer.set_password_path, json=body, expect=410)


@pytest.mark.story("mf-iu-01")
def test_a_manager_creates_changes_and_removes_an_internal_user(
    invited: tuple[str, Staff], manager: Staff, employee: Staff
) -> None:
    user_id, person = invited
    path = f"/auth/v1/staff/{user_id}"
    assert manager.call("GET", path).json()["state"] == "active"
    employee.call("GET", path, expect=403)
    person.call("GET", "/admin/v1/settings", expect=403)
    manager.change(path, {"roles": ["employee", "manager"]})
    person.call("GET", "/admin/v1/settings")
    manager.change(path, {"roles": ["employee"], "full_name": "Rui M. Silva"})
    person.call("GET", "/admin/v1/settings", expect=403)
    entry = wait_for_audit_entry(manager, "update_staff_member", user_id, {"roles": ["employee"]})
    assert entry["before"]["roles"] == ["employee", "manager"]
    staff = manager.call("GET", "/auth/v1/staff", params={"role": "employee", "limit": 100}).json()["items"]
    assert "Rui M. Silva" in [member["full_name"] for member in staff]

    manager.call("DELETE", path, expect=204)
    person.call("GET", "/auth/v1/session", expect=401)
    credentials = {"user_name": person.user_name, "password": person.password}
    person.call("POST", person.login_path, json=credentials, anonymous=True, expect=401)


def test_a_manager_creates_a_role_and_changes_its_permissions(invited: tuple[str, Staff], manager: Staff) -> None:
    user_id, person = invited
    name = f"auditor-{uuid.uuid4().hex[:8]}"
    body = {"name": name, "description": "Reads the trail", "permissions": ["admin:audit:read", "auth:session"]}
    key = {"Idempotency-Key": uuid.uuid4().hex}
    manager.call("POST", "/auth/v1/roles", json=body, headers=key, expect=201)
    person.call("GET", "/admin/v1/audit-entries", expect=403)
    manager.change(f"/auth/v1/staff/{user_id}", {"roles": [name]})
    person.call("GET", "/admin/v1/audit-entries")
    manager.change(f"/auth/v1/roles/{name}", {"permissions": ["auth:session"]})
    person.call("GET", "/admin/v1/audit-entries", expect=403)
    manager.change(f"/auth/v1/staff/{user_id}", {"roles": ["employee"]})
    manager.call("DELETE", f"/auth/v1/roles/{name}", expect=204)


@pytest.mark.story("mf-iu-02")
def test_a_manager_resets_an_internal_users_password(
    invited: tuple[str, Staff], manager: Staff, mailbox: Mailbox
) -> None:
    user_id, person = invited
    manager.call("POST", f"/auth/v1/staff/{user_id}/password-resets", expect=202)
    person.call("GET", "/auth/v1/session", expect=401)
    person.set_password(
        verification_token(mailbox.wait_for_mail(person.user_name, "set a new")), "other-teapot-walk"
    )
    person.log_in()


def test_a_refresh_token_is_used_once_and_its_reuse_ends_the_session(new_customer: CustomerFactory) -> None:
    customer = new_customer()
    first = (customer.token, customer.refresh_token)
    for _ in range(2):
        customer.refresh()
        customer.call("GET", "/customer/v1/profile")
    renewed = (customer.token, customer.refresh_token)
    customer.token, customer.refresh_token = first
    customer.call("GET", "/customer/v1/profile", expect=401)
    customer.refresh(expect=401)
    customer.token, customer.refresh_token = renewed
    customer.call("GET", "/customer/v1/profile", expect=401)
    customer.refresh(expect=401)


def test_a_customer_logs_out_everywhere(new_customer: CustomerFactory, platform: RunningPlatform) -> None:
    customer = new_customer()
    other_device = Customer(platform.external_url, platform.ca_file, customer.user_name, customer.password)
    other_device.log_in()
    assert len(customer.call("GET", "/auth/v1/sessions").json()["items"]) == 2
    customer.call("DELETE", "/auth/v1/sessions", expect=204)
    for person in (customer, other_device):
        person.call("GET", "/customer/v1/profile", expect=401)
    other_device.close()


def test_a_forgotten_password_is_set_by_a_mailed_link(new_customer: CustomerFactory, mailbox: Mailbox) -> None:
    customer = new_customer()
    customer.call("POST", "/auth/v1/password-resets", json={"email": customer.user_name}, expect=202)
    customer.set_password(
        verification_token(mailbox.wait_for_mail(customer.user_name, "new password")), NEW_PASSWORD
    )
    customer.call("GET", "/auth/v1/session", expect=401)
    customer.log_in()


def test_a_customer_confirms_a_phone_number_for_notifications(
    new_customer: CustomerFactory, platform: RunningPlatform
) -> None:
    customer, number = new_customer(), f"+3519{uuid.uuid4().int % 10**8:08d}"
    settings = "/auth/v1/notification-settings"
    body = {"phone_number": number}
    customer.call("POST", f"{settings}/phone-confirmations", json=body, expect=202)

    def read_code() -> str | None:
        response = httpx.get(
            f"{platform.layout.aws_url}/_ministack/sns/sms-messages", params={"phoneNumber": number}
        )
        match = re.search(r"your code is ([0-9]{6})", response.text.split(number, 1)[-1])
        return match.group(1) if match and number in response.text else None

    code = wait_for("the SMS with the code", read_code)
    customer.call("PUT", f"{settings}/phone-number", json={"code": code})
    preferences = {"email": True, "sms": True, "push": True}
    stored = customer.call("PUT", f"{settings}/preferences", json=preferences).json()["preferences"]
    assert stored == preferences | {"locale": "en"}
    device = {"platform": "fcm", "device_token": uuid.uuid4().hex}
    key = {"Idempotency-Key": uuid.uuid4().hex}
    customer.call("POST", f"{settings}/devices", json=device, headers=key, expect=201)
    assert len(customer.call("GET", f"{settings}/devices").json()["items"]) == 1
