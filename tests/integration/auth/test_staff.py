"""Administration of internal users, customers and roles (stories mf-eu-01, mf-eu-02, mf-iu-01, mf-iu-02)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from libs.chassis import db
from libs.chassis.locales import DEFAULT_LOCALE
from services.auth import demo
from services.auth.accounts.tables import User
from tests.integration.auth.auth_api import EMAIL, AuthApi, slug

NEW = "sunny-teapot-marathon"
RUI = {"email": "Rui.Silva@reclothes.example", "full_name": "Rui Silva", "roles": ["employee"]}


class StaffApi:
    """An internal user who sends requests through the internal gateway, by default the manager."""

    def __init__(self, api: AuthApi, name: str = "manager") -> None:
        self.api = api
        self.token = api.staff_token(name)

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.api.request(self.token, method, path, "internal", **more)

    def change(self, path: str, body: dict[str, Any]) -> httpx.Response:
        etag = self.request("GET", path).headers["ETag"]
        return self.request("PATCH", path, json=body, headers={"If-Match": etag})


@pytest.fixture
def staff(api: AuthApi) -> StaffApi:
    demo.load()
    return StaffApi(api)


def hire(staff: StaffApi, **changes: Any) -> tuple[str, str]:
    """Create an internal user who has set a password; return the id and the access token."""
    created = staff.request("POST", "staff", json=RUI | changes)
    assert created.status_code == 201, created.text
    staff.api.post("staff-passwords", {"token": staff.api.link_token(), "password": NEW})
    email = (RUI | changes)["email"]
    response = staff.api.log_in(str(email), NEW, "staff-logins")
    return created.json()["id"], response.json()["access_token"]


def test_a_manager_creates_an_internal_user_who_sets_the_first_password(staff: StaffApi) -> None:
    created = staff.request("POST", "staff", json=RUI)
    assert (created.status_code, created.json()["state"]) == (201, "invited")
    assert created.json()["email"] == "rui.silva@reclothes.example"
    api = staff.api
    assert api.log_in(str(RUI["email"]), NEW, "staff-logins").status_code == 401, "there is no password yet"
    assert api.mails()[-1].text.count("https://manage.test/set-password#token=") == 1
    link = api.link_token()
    assert api.post("staff-passwords", {"token": link, "password": NEW}).status_code == 204
    response = api.log_in(str(RUI["email"]), NEW, "staff-logins")
    assert (response.status_code, response.json()["user"]["roles"]) == (201, ["employee"])
    assert api.log_in(str(RUI["email"]), NEW).status_code == 401, "customers log in at the external gateway only"
    assert staff.request("GET", created.headers["Location"].removeprefix("/auth/v1/")).json()["state"] == "active"
    changes = api.auth.published("auth.staff.changed.v1")
    states = [event["state"] for event in changes if event["user_id"] == created.json()["id"]]
    assert states == ["invited", "active"]


@pytest.mark.real_servers
def test_a_taken_address_and_an_unknown_role_are_rejected(staff: StaffApi) -> None:
    rejected = staff.request("POST", "staff", json=RUI | {"email": "employee@reclothes.example"})
    assert (rejected.status_code, slug(rejected)) == (409, "email-taken")
    for role in ("customer", "no-such-role"):
        unknown = staff.request("POST", "staff", json=RUI | {"roles": ["employee", role]})
        assert unknown.status_code == 422
        assert unknown.json()["errors"][0]["pointer"] == "/roles/1"
    assert len(staff.request("GET", "staff").json()["items"]) == 3


def test_staff_are_listed_by_role_and_state(staff: StaffApi) -> None:
    staff.request("POST", "staff", json=RUI)
    invited = staff.request("GET", "staff", params={"state": "invited"}).json()["items"]
    assert [item["full_name"] for item in invited] == ["Rui Silva"]
    employees = staff.request("GET", "staff", params={"role": "employee"}).json()["items"]
    assert len(employees) == 2
    first = staff.request("GET", "staff", params={"limit": 3}).json()
    rest = staff.request("GET", "staff", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (3, 1, None)


@pytest.mark.real_servers
def test_new_roles_are_effective_from_the_next_request(staff: StaffApi) -> None:
    user_id, token = hire(staff)
    api = staff.api
    assert api.request(token, "GET", "roles", "internal").status_code == 403
    assert staff.change(f"staff/{user_id}", {"roles": ["employee", "manager"]}).status_code == 200
    assert api.request(token, "GET", "roles", "internal").status_code == 200
    assert staff.change(f"staff/{user_id}", {"roles": ["deliveryman"]}).status_code == 200
    assert api.request(token, "GET", "roles", "internal").status_code == 403


def test_a_concurrent_change_is_rejected(staff: StaffApi) -> None:
    user_id, _ = hire(staff)
    etag = staff.request("GET", f"staff/{user_id}").headers["ETag"]
    body = {"full_name": "Rui S."}
    headers = {"If-Match": etag}
    assert staff.request("PATCH", f"staff/{user_id}", json=body, headers=headers).status_code == 200
    assert staff.request("PATCH", f"staff/{user_id}", json=body, headers=headers).status_code == 412
    assert staff.request("PATCH", f"staff/{user_id}", json=body).status_code == 428


@pytest.mark.real_servers
def test_removing_a_user_revokes_sessions_immediately_and_frees_the_address(staff: StaffApi) -> None:
    user_id, token = hire(staff)
    assert staff.request("DELETE", f"staff/{user_id}").status_code == 204
    assert staff.api.exchange(token, "/exchange/internal/auth/v1/session").status_code == 401
    assert staff.api.log_in(str(RUI["email"]), NEW, "staff-logins").status_code == 401
    assert staff.request("GET", f"staff/{user_id}").json()["state"] == "removed"
    assert staff.request("POST", f"staff/{user_id}/password-resets").status_code == 409
    again, _ = hire(staff)
    assert again != user_id


def test_staff_set_their_locale_and_removal_resets_it(staff: StaffApi) -> None:
    user_id, token = hire(staff)
    preferences = {"email": True, "sms": False, "push": True, "locale": "de"}
    changed = staff.api.request(token, "PUT", "notification-settings/preferences", "internal", json=preferences)
    assert changed.json()["preferences"] == preferences
    assert staff.request("DELETE", f"staff/{user_id}").status_code == 204
    with db.unit_of_work(reads_only=True) as session:
        assert session.get_one(User, user_id).locale == DEFAULT_LOCALE


@pytest.mark.real_servers
def test_the_last_role_administrator_cannot_be_removed(staff: StaffApi) -> None:
    manager = demo.user_id("manager@reclothes.example")
    assert slug(staff.request("DELETE", f"staff/{manager}")) == "own-account"
    for rejected in (
        staff.change(f"staff/{manager}", {"roles": ["employee"]}),
        staff.change("roles/manager", {"permissions": ["auth:session"]}),
    ):
        assert (rejected.status_code, slug(rejected)) == (409, "no-role-administrator")
    assert staff.request("GET", "roles").status_code == 200


def test_customers_and_internal_users_are_administered_separately(staff: StaffApi) -> None:
    buyer, manager = demo.user_id("buyer@reclothes.example"), demo.user_id("manager@reclothes.example")
    assert staff.request("GET", f"staff/{buyer}").status_code == 404
    assert staff.request("GET", f"customers/{manager}").status_code == 404
    assert staff.request("PUT", f"customers/{manager}/suspension", json={"reason": "x"}).status_code == 404


def test_suspending_a_customer_revokes_sessions_and_rejects_log_in_with_the_reason(
    customer: AuthApi, token: str
) -> None:
    demo.load()
    employee = StaffApi(customer, "employee")
    user_id = customer.claims_of(customer.exchange(token))["sub"]
    matches = employee.request("GET", "customers", params={"email": EMAIL}).json()["items"]
    assert [(item["id"], item["email_hint"]) for item in matches] == [(user_id, "i***@example.org")]
    body = {"reason": "Sold things that were not theirs."}
    response = employee.request("PUT", f"customers/{user_id}/suspension", json=body)
    assert (response.json()["state"], response.json()["suspension_reason"]) == ("suspended", body["reason"])
    assert customer.exchange(token).status_code == 401
    rejected = customer.log_in()
    assert (rejected.status_code, slug(rejected)) == (403, "account-suspended")
    assert body["reason"] in rejected.json()["detail"]
    assert customer.log_in(password="wrong-password").status_code == 401, "revealed only with the right password"
    assert employee.request("DELETE", f"customers/{user_id}/suspension").json()["state"] == "active"
    assert customer.log_in().status_code == 201
    assert customer.exchange(token).status_code == 401, "reinstating does not restore sessions"
    assert employee.request("DELETE", f"customers/{user_id}/suspension").status_code == 409


def test_an_unverified_customer_cannot_be_suspended(api: AuthApi, staff: StaffApi) -> None:
    api.register("late@example.org")
    [item] = staff.request("GET", "customers", params={"state": "unverified"}).json()["items"]
    body = {"reason": "x"}
    assert staff.request("PUT", f"customers/{item['id']}/suspension", json=body).status_code == 409


@pytest.mark.real_servers
def test_a_manager_creates_changes_and_removes_a_role(staff: StaffApi) -> None:
    body = {
        "name": "auditor",
        "description": "Reads the audit trail",
        "permissions": ["auth:session", "auth:staff:read"],
    }
    created = staff.request("POST", "roles", json=body)
    assert (created.status_code, created.json()["permissions"]) == (201, body["permissions"])
    assert slug(staff.request("POST", "roles", json=body)) == "role-taken"
    user_id, token = hire(staff, roles=["auditor"])
    api = staff.api
    assert api.request(token, "GET", "staff", "internal").status_code == 200
    assert api.request(token, "GET", "roles", "internal").status_code == 403
    assert slug(staff.request("DELETE", "roles/auditor")) == "role-in-use"
    changed = staff.change("roles/auditor", {"permissions": ["auth:roles:read", "auth:session"]})
    assert changed.json()["permissions"] == ["auth:roles:read", "auth:session"]
    assert api.request(token, "GET", "roles", "internal").status_code == 200, "on the next request"
    assert api.request(token, "GET", "staff", "internal").status_code == 403
    staff.change(f"staff/{user_id}", {"roles": ["employee"]})
    assert staff.request("DELETE", "roles/auditor").status_code == 204
    assert staff.request("GET", "roles/auditor").status_code == 404
    assert slug(staff.request("DELETE", "roles/employee")) == "role-in-use", "built in"


def test_a_permission_that_staff_cannot_hold_is_rejected(staff: StaffApi) -> None:
    body = {"name": "odd", "description": "", "permissions": ["auth:session", "shopping:cart"]}
    response = staff.request("POST", "roles", json=body)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/permissions/1"


def test_the_catalogue_lists_all_permissions(staff: StaffApi) -> None:
    items = staff.request("GET", "permissions").json()["items"]
    assert {"name": "admin:audit:read", "description": "Read the audit trail", "holders": ["internal"]} in items


def test_changes_are_audited_with_previous_and_new_values(staff: StaffApi) -> None:
    user_id, _ = hire(staff)
    staff.change(f"staff/{user_id}", {"roles": ["deliveryman"]})
    entry = staff.api.auth.published("auth.audit.recorded.v1")[-1]
    assert (entry["action"], entry["actor_id"]) == (
        "update_staff_member",
        demo.user_id("manager@reclothes.example"),
    )
    assert (entry["before"]["roles"], entry["after"]["roles"]) == (["employee"], ["deliveryman"])
