"""Pretending to be somebody else: by headers, by where one comes from, by where a token stands."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.attacks.conftest import log_in
from tests.attacks.gateways import OpenGate, direct, fresh_address
from tests.support.platform import RunningPlatform
from tools.demo.people import Customer
from tools.local_platform.layout import HOST

SESSION = "/auth/v1/session"
MANAGER_CLAIMS = {
    "X-User-Id": "usr_00000000000000000000000000000000",
    "X-User": "manager@reclothes.example",
    "X-Roles": "manager",
    "X-Role": "manager",
    "X-Scopes": "admin:settings:write",
    "X-Scope": "admin:settings:write",
    "X-Auth-Request-User": "manager",
    "X-JWT-Payload": "eyJzdWIiOiJtYW5hZ2VyIn0",
    "X-Forwarded-User": "manager",
    "X-Forwarded-Client-Cert": "By=internal",
    "X-Original-URL": "/admin/v1/settings",
    "X-Rewrite-URL": "/admin/v1/settings",
    "X-HTTP-Method-Override": "DELETE",
    "X-Amzn-Oidc-Data": "eyJzdWIiOiJtYW5hZ2VyIn0",
    "Remote-User": "manager",
    "Cookie": "session=manager",
}


def test_headers_that_claim_an_identity_change_nothing(buyer: httpx.Client) -> None:
    honest = buyer.get(SESSION)
    claimed = buyer.get(SESSION, headers=MANAGER_CLAIMS)
    assert (claimed.status_code, claimed.json()) == (200, honest.json())
    assert buyer.get(SESSION).status_code == 200  # X-HTTP-Method-Override ended no session


def test_headers_that_claim_an_identity_are_no_token(external: OpenGate, internal: OpenGate) -> None:
    for gate, path in ((external, SESSION), (internal, "/admin/v1/settings"), (internal, "/auth/v1/staff")):
        with gate.client() as nobody:
            assert nobody.get(path, headers=MANAGER_CLAIMS).status_code == 401


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authorization", "Bearer {token}, Bearer x"),
        ("authorization", "Bearer  {token}"),
        ("authorization", "Bearer {token} x"),
        ("authorization", "Bearer {token}\tx"),
        ("authorization", "Basic {token}"),
        ("authorization", "{token}"),
        ("authorization", 'Bearer "{token}"'),
        ("authorization", "Token {token}"),
        ("proxy-authorization", "Bearer {token}"),
        ("x-access-token", "{token}"),
        ("x-authorization", "Bearer {token}"),
        ("cookie", "access_token={token}"),
        ("cookie", "authorization=Bearer {token}"),
    ],
)
def test_a_token_counts_only_in_its_one_place(external: OpenGate, buyer_token: str, name: str, value: str) -> None:
    with external.client() as client:
        answer = client.get(SESSION, headers={name: value.format(token=buyer_token)})
    assert answer.status_code in (400, 401)


@pytest.mark.parametrize("name", ["access_token", "token", "authorization", "Authorization", "bearer", "jwt"])
def test_a_token_in_the_query_is_no_token(external: OpenGate, buyer_token: str, name: str) -> None:
    with external.client() as client:
        assert client.get(SESSION, params={name: buyer_token}).status_code == 401
        assert client.get(SESSION, params={name: f"Bearer {buyer_token}"}).status_code == 401


def test_a_token_in_a_form_is_no_token(external: OpenGate, buyer_token: str) -> None:
    with external.client() as client:
        answer = client.put("/auth/v1/notification-settings/preferences", data={"access_token": buyer_token})
    assert answer.status_code == 401


def test_a_token_of_one_gateway_is_worthless_at_the_other(
    external: OpenGate, internal: OpenGate, buyer_token: str, manager_token: str
) -> None:
    for gate, token in ((internal, buyer_token), (external, manager_token)):
        with gate.client(token=token) as client:
            assert client.get(SESSION).status_code == 401


def test_one_cannot_log_in_at_the_other_gateway(external: OpenGate, internal: OpenGate) -> None:
    attempts = [
        (external, "/auth/v1/logins", "manager@reclothes.example", 401),
        (external, "/auth/v1/staff-logins", "manager@reclothes.example", 404),
        (internal, "/auth/v1/staff-logins", "donor@reclothes.example", 401),
        (internal, "/auth/v1/logins", "donor@reclothes.example", 404),
    ]
    for gate, path, user, status in attempts:
        with gate.client(address=fresh_address()) as client:
            credentials = {"user_name": user, "password": "Reclothes-demo-1!"}
            assert client.post(path, json=credentials).status_code == status


# Session fixation: whatever a client brings along, a log-in opens a new session under a new token.


def test_a_log_in_never_takes_over_a_token_that_the_client_brought(
    external: OpenGate, new_customer: Callable[[], Customer]
) -> None:
    attacker, victim = new_customer(), new_customer()
    chosen = "rco_" + "A" * 43
    for planted in (chosen, attacker.token or ""):
        with external.client(token=planted, address=fresh_address()) as client:
            cookie = {"cookie": f"session={planted}"}
            credentials = {"user_name": victim.user_name, "password": victim.password}
            opened = client.post("/auth/v1/logins", json=credentials, headers=cookie)
        assert opened.status_code == 201
        assert opened.json()["access_token"] not in (chosen, attacker.token, victim.token)
        assert "set-cookie" not in opened.headers
    with external.client(token=chosen) as client:
        assert client.get(SESSION).status_code == 401
    attackers_own = attacker.call("GET", SESSION).json()["user"]["id"]
    assert attackers_own != victim.call("GET", SESSION).json()["user"]["id"]


def test_two_log_ins_are_two_sessions_and_one_log_out_ends_one(new_customer: Callable[[], Customer]) -> None:
    customer = new_customer()
    first = customer.token
    customer.log_in()
    second = customer.token
    assert first != second
    customer.log_out()
    customer.call("GET", SESSION, expect=401)
    customer.token = first
    customer.call("GET", SESSION)


def test_a_refresh_token_that_is_reused_ends_the_whole_session(
    external: OpenGate, new_customer: Callable[[], Customer]
) -> None:
    victim = new_customer()
    opened = log_in(external, victim.user_name, victim.password)
    with external.client(address=fresh_address()) as client:

        def refresh(token: str) -> httpx.Response:
            return client.post("/auth/v1/refreshes", json={"refresh_token": token})

        def is_alive(token: str) -> bool:
            return client.get(SESSION, headers={"authorization": f"Bearer {token}"}).status_code == 200

        renewed = refresh(opened["refresh_token"])
        assert renewed.status_code == 200
        assert not is_alive(opened["access_token"])
        assert is_alive(renewed.json()["access_token"])

        same = refresh(opened["refresh_token"]).json()
        assert same["access_token"] == renewed.json()["access_token"], "two tabs at the same moment"
        newest = refresh(renewed.json()["refresh_token"])
        assert newest.status_code == 200
        assert refresh(opened["refresh_token"]).status_code == 401
        assert not is_alive(newest.json()["access_token"])
        assert refresh(newest.json()["refresh_token"]).status_code == 401


def test_a_refresh_token_is_no_access_token_and_the_other_way_round(external: OpenGate) -> None:
    opened = log_in(external, "donor@reclothes.example")
    with external.client(address=fresh_address()) as client:
        as_access = {"authorization": f"Bearer {opened['refresh_token']}"}
        assert client.get(SESSION, headers=as_access).status_code == 401
        as_refresh = client.post("/auth/v1/refreshes", json={"refresh_token": opened["access_token"]})
        assert as_refresh.status_code in (400, 401)


def test_a_refresh_token_of_one_gateway_is_worthless_at_the_other(external: OpenGate, internal: OpenGate) -> None:
    of_customer = log_in(external, "donor@reclothes.example")["refresh_token"]
    of_staff = log_in(internal, "deliveryman@reclothes.example")["refresh_token"]
    with internal.client(address=fresh_address()) as client:
        assert client.post("/auth/v1/staff-refreshes", json={"refresh_token": of_customer}).status_code == 401
        assert client.post("/auth/v1/staff-refreshes", json={"refresh_token": of_staff}).status_code == 200
    with external.client(address=fresh_address()) as client:
        assert client.post("/auth/v1/refreshes", json={"refresh_token": of_customer}).status_code == 200


# Where a request comes from is what connected, not what X-Forwarded-For says.


def test_a_throttled_address_cannot_call_itself_another_one(platform: RunningPlatform) -> None:
    throttled = OpenGate("external", platform.layout.port("external"), platform.ca_file)
    link = {"token": "x" * 24}
    with throttled.client(address=fresh_address()) as client:
        statuses = []
        for number in range(100):
            claims = {"x-forwarded-for": f"198.51.100.{number}", "x-real-ip": f"198.51.100.{number}"}
            claims |= {"forwarded": f"for=198.51.100.{number}", "true-client-ip": f"198.51.100.{number}"}
            claims |= {"authorization": f"Bearer rco_{number}"}
            answer = client.post("/auth/v1/email-verifications", json=link, headers=claims)
            statuses.append(answer.status_code)
            if answer.status_code == 429:
                break
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    with throttled.client(address=fresh_address()) as client:
        assert client.post("/auth/v1/email-verifications", json=link).status_code == 410


def test_who_tries_many_passwords_cannot_come_from_another_address_each_time(external: OpenGate) -> None:
    """The fifty failures that auth grants an address are counted for the one that connected."""
    with external.client(address=fresh_address()) as client:
        for number in range(60):
            claims = {"x-forwarded-for": f"203.0.113.{number}"}
            credentials = {"user_name": f"nobody{number}@attacks.example", "password": "guess-number-1"}
            answer = client.post("/auth/v1/logins", json=credentials, headers=claims)
            if answer.status_code == 429:
                break
            assert answer.status_code == 401
    assert answer.status_code == 429
    assert number >= 50
    assert "retry-after" in answer.headers


def test_a_claimed_address_of_the_company_opens_nothing_at_a_service(platform: RunningPlatform) -> None:
    """Even past the gateway nobody is trusted for where they come from."""
    with direct(platform.ca_file) as client:
        for service, path in (("admin", "/admin/v1/settings"), ("customer", "/customer/v1/profile")):
            url = f"https://{HOST}:{platform.layout.port(service)}{path}"
            answer = client.get(url, headers=MANAGER_CLAIMS | {"x-forwarded-for": "127.0.0.1"})
            assert answer.status_code == 401
