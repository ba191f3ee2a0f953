"""Internal users, customers as staff treat them, and roles (stories mf-eu-01 to mf-eu-03, mf-iu-01, mf-iu-02)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from libs.chassis import db
from libs.chassis.locales import DEFAULT_LOCALE
from services.auth import demo
from services.auth.accounts.tables import User
from tests.integration.auth.people import EMAIL, People, slug

NEW = "sunny-teapot-marathon"
RUI = {"email": "Rui.Silva@reclothes.example", "full_name": "Rui Silva", "roles": ["employee"]}


class Office:
    """The manager, asking through the internal gateway."""

    def __init__(self, people: People, name: str = "manager") -> None:
        self.people = people
        self.token = people.staff_token(name)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.people.ask(self.token, method, path, "internal", **more)

    def change(self, path: str, body: dict[str, Any]) -> httpx.Response:
        etag = self.ask("GET", path).headers["ETag"]
        return self.ask("PATCH", path, json=body, headers={"If-Match": etag})


@pytest.fixture
def office(people: People) -> Office:
    demo.load()
    return Office(people)


def hire(office: Office, **changes: Any) -> tuple[str, str]:
    """A new member of staff who has set a password: their id and their token."""
    made = office.ask("POST", "staff", json=RUI | changes)
    assert made.status_code == 201, made.text
    office.people.post("staff-passwords", {"token": office.people.link_token(), "password": NEW})
    email = (RUI | changes)["email"]
    answer = office.people.log_in(str(email), NEW, "staff-logins")
    return made.json()["id"], answer.json()["access_token"]


def test_a_manager_creates_an_internal_user_who_sets_the_first_password(office: Office) -> None:
    made = office.ask("POST", "staff", json=RUI)
    assert (made.status_code, made.json()["state"]) == (201, "invited")
    assert made.json()["email"] == "rui.silva@reclothes.example"
    people = office.people
    assert people.log_in(str(RUI["email"]), NEW, "staff-logins").status_code == 401, "there is no password yet"
    assert people.mails()[-1].text.count("https://manage.test/set-password#token=") == 1
    link = people.link_token()
    assert people.post("staff-passwords", {"token": link, "password": NEW}).status_code == 204
    answer = people.log_in(str(RUI["email"]), NEW, "staff-logins")
    assert (answer.status_code, answer.json()["user"]["roles"]) == (201, ["employee"])
    assert people.log_in(str(RUI["email"]), NEW).status_code == 401, "customers log in at the external gateway only"
    assert office.ask("GET", made.headers["Location"].removeprefix("/auth/v1/")).json()["state"] == "active"
    changes = people.auth.published("auth.staff.changed.v1")
    states = [event["state"] for event in changes if event["user_id"] == made.json()["id"]]
    assert states == ["invited", "active"]


@pytest.mark.real_servers
def test_an_address_or_a_role_that_cannot_be_is_refused(office: Office) -> None:
    taken = office.ask("POST", "staff", json=RUI | {"email": "employee@reclothes.example"})
    assert (taken.status_code, slug(taken)) == (409, "email-taken")
    for role in ("customer", "no-such-role"):
        unknown = office.ask("POST", "staff", json=RUI | {"roles": ["employee", role]})
        assert unknown.status_code == 422
        assert unknown.json()["errors"][0]["pointer"] == "/roles/1"
    assert len(office.ask("GET", "staff").json()["items"]) == 3


def test_staff_are_listed_by_role_and_state(office: Office) -> None:
    office.ask("POST", "staff", json=RUI)
    invited = office.ask("GET", "staff", params={"state": "invited"}).json()["items"]
    assert [one["full_name"] for one in invited] == ["Rui Silva"]
    employees = office.ask("GET", "staff", params={"role": "employee"}).json()["items"]
    assert len(employees) == 2
    first = office.ask("GET", "staff", params={"limit": 3}).json()
    rest = office.ask("GET", "staff", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (3, 1, None)


@pytest.mark.real_servers
def test_new_roles_are_in_force_on_the_next_request(office: Office) -> None:
    user_id, token = hire(office)
    people = office.people
    assert people.ask(token, "GET", "roles", "internal").status_code == 403
    assert office.change(f"staff/{user_id}", {"roles": ["employee", "manager"]}).status_code == 200
    assert people.ask(token, "GET", "roles", "internal").status_code == 200
    assert office.change(f"staff/{user_id}", {"roles": ["deliveryman"]}).status_code == 200
    assert people.ask(token, "GET", "roles", "internal").status_code == 403


def test_the_second_of_two_managers_is_told(office: Office) -> None:
    user_id, _ = hire(office)
    etag = office.ask("GET", f"staff/{user_id}").headers["ETag"]
    body = {"full_name": "Rui S."}
    headers = {"If-Match": etag}
    assert office.ask("PATCH", f"staff/{user_id}", json=body, headers=headers).status_code == 200
    assert office.ask("PATCH", f"staff/{user_id}", json=body, headers=headers).status_code == 412
    assert office.ask("PATCH", f"staff/{user_id}", json=body).status_code == 428


@pytest.mark.real_servers
def test_a_removed_user_is_out_at_once_and_the_address_is_free_again(office: Office) -> None:
    user_id, token = hire(office)
    assert office.ask("DELETE", f"staff/{user_id}").status_code == 204
    assert office.people.swap(token, "/exchange/internal/auth/v1/session").status_code == 401
    assert office.people.log_in(str(RUI["email"]), NEW, "staff-logins").status_code == 401
    assert office.ask("GET", f"staff/{user_id}").json()["state"] == "removed"
    assert office.ask("POST", f"staff/{user_id}/password-resets").status_code == 409
    again, _ = hire(office)
    assert again != user_id


def test_staff_choose_their_locale_and_a_removed_user_has_none_any_more(office: Office) -> None:
    user_id, token = hire(office)
    wanted = {"email": True, "sms": False, "push": True, "locale": "de"}
    changed = office.people.ask(token, "PUT", "notification-settings/preferences", "internal", json=wanted)
    assert changed.json()["preferences"] == wanted
    assert office.ask("DELETE", f"staff/{user_id}").status_code == 204
    with db.unit_of_work(reads_only=True) as session:
        assert session.get_one(User, user_id).locale == DEFAULT_LOCALE


@pytest.mark.real_servers
def test_a_manager_cannot_be_the_last_one_to_go(office: Office) -> None:
    manager = demo.user_id("manager@reclothes.example")
    assert slug(office.ask("DELETE", f"staff/{manager}")) == "own-account"
    for refused in (
        office.change(f"staff/{manager}", {"roles": ["employee"]}),
        office.change("roles/manager", {"permissions": ["auth:session"]}),
    ):
        assert (refused.status_code, slug(refused)) == (409, "no-role-administrator")
    assert office.ask("GET", "roles").status_code == 200


def test_a_customer_is_no_member_of_staff_and_the_other_way_round(office: Office) -> None:
    buyer, manager = demo.user_id("buyer@reclothes.example"), demo.user_id("manager@reclothes.example")
    assert office.ask("GET", f"staff/{buyer}").status_code == 404
    assert office.ask("GET", f"customers/{manager}").status_code == 404
    assert office.ask("PUT", f"customers/{manager}/suspension", json={"reason": "x"}).status_code == 404


def test_a_forbidden_customer_is_out_at_once_and_learns_why(verified: People, token: str) -> None:
    demo.load()
    employee = Office(verified, "employee")
    user_id = verified.claims_of(verified.swap(token))["sub"]
    found = employee.ask("GET", "customers", params={"email": EMAIL}).json()["items"]
    assert [(one["id"], one["email_hint"]) for one in found] == [(user_id, "i***@example.org")]
    body = {"reason": "Sold things that were not theirs."}
    answer = employee.ask("PUT", f"customers/{user_id}/suspension", json=body)
    assert (answer.json()["state"], answer.json()["suspension_reason"]) == ("suspended", body["reason"])
    assert verified.swap(token).status_code == 401
    refused = verified.log_in()
    assert (refused.status_code, slug(refused)) == (403, "account-suspended")
    assert body["reason"] in refused.json()["detail"]
    assert verified.log_in(password="wrong-password").status_code == 401, "told only to who knows the password"
    assert employee.ask("DELETE", f"customers/{user_id}/suspension").json()["state"] == "active"
    assert verified.log_in().status_code == 201
    assert verified.swap(token).status_code == 401, "what ended stays ended"
    assert employee.ask("DELETE", f"customers/{user_id}/suspension").status_code == 409


def test_an_address_that_is_not_confirmed_cannot_be_forbidden(people: People, office: Office) -> None:
    people.register("late@example.org")
    [one] = office.ask("GET", "customers", params={"state": "unverified"}).json()["items"]
    body = {"reason": "x"}
    assert office.ask("PUT", f"customers/{one['id']}/suspension", json=body).status_code == 409


@pytest.mark.real_servers
def test_a_manager_makes_a_role_of_permissions(office: Office) -> None:
    body = {
        "name": "auditor",
        "description": "Reads the audit trail",
        "permissions": ["auth:session", "auth:staff:read"],
    }
    made = office.ask("POST", "roles", json=body)
    assert (made.status_code, made.json()["permissions"]) == (201, body["permissions"])
    assert slug(office.ask("POST", "roles", json=body)) == "role-taken"
    user_id, token = hire(office, roles=["auditor"])
    people = office.people
    assert people.ask(token, "GET", "staff", "internal").status_code == 200
    assert people.ask(token, "GET", "roles", "internal").status_code == 403
    assert slug(office.ask("DELETE", "roles/auditor")) == "role-in-use"
    changed = office.change("roles/auditor", {"permissions": ["auth:roles:read", "auth:session"]})
    assert changed.json()["permissions"] == ["auth:roles:read", "auth:session"]
    assert people.ask(token, "GET", "roles", "internal").status_code == 200, "on the next request"
    assert people.ask(token, "GET", "staff", "internal").status_code == 403
    office.change(f"staff/{user_id}", {"roles": ["employee"]})
    assert office.ask("DELETE", "roles/auditor").status_code == 204
    assert office.ask("GET", "roles/auditor").status_code == 404
    assert slug(office.ask("DELETE", "roles/employee")) == "role-in-use", "built in"


def test_a_permission_that_staff_cannot_hold_is_refused(office: Office) -> None:
    body = {"name": "odd", "description": "", "permissions": ["auth:session", "shopping:cart"]}
    answer = office.ask("POST", "roles", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/permissions/1"


def test_the_catalogue_says_what_permissions_there_are(office: Office) -> None:
    items = office.ask("GET", "permissions").json()["items"]
    assert {"name": "admin:audit:read", "description": "Read the audit trail", "holders": ["internal"]} in items


def test_each_change_is_in_the_audit_trail_with_before_and_after(office: Office) -> None:
    user_id, _ = hire(office)
    office.change(f"staff/{user_id}", {"roles": ["deliveryman"]})
    entry = office.people.auth.published("auth.audit.recorded.v1")[-1]
    assert (entry["action"], entry["actor_id"]) == (
        "update_staff_member",
        demo.user_id("manager@reclothes.example"),
    )
    assert (entry["before"]["roles"], entry["after"]["roles"]) == (["employee"], ["deliveryman"])
