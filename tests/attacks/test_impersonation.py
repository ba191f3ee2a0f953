"""Attempts to act as somebody else: by headers, addresses, misplaced tokens and fixed sessions."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.attacks.conftest import log_in
from tests.attacks.gateways import UnthrottledGateway, direct_client, unused_address
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


def test_identity_headers_have_no_effect(buyer: httpx.Client) -> None:
    expected = buyer.get(SESSION)
    response = buyer.get(SESSION, headers=MANAGER_CLAIMS)
    assert (response.status_code, response.json()) == (200, expected.json())
    assert buyer.get(SESSION).status_code == 200  # X-HTTP-Method-Override ended no session


def test_identity_headers_do_not_replace_a_token(
    external: UnthrottledGateway, internal: UnthrottledGateway
) -> None:
    for gateway, path in ((external, SESSION), (internal, "/admin/v1/settings"), (internal, "/auth/v1/staff")):
        with gateway.client() as anonymous:
            assert anonymous.get(path, headers=MANAGER_CLAIMS).status_code == 401


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
def test_a_token_is_accepted_in_the_authorization_header_only(
    external: UnthrottledGateway, buyer_token: str, name: str, value: str
) -> None:
    with external.client() as client:
        response = client.get(SESSION, headers={name: value.format(token=buyer_token)})
    assert response.status_code in (400, 401)


@pytest.mark.parametrize("name", ["access_token", "token", "authorization", "Authorization", "bearer", "jwt"])
def test_a_token_in_the_query_is_rejected(external: UnthrottledGateway, buyer_token: str, name: str) -> None:
    with external.client() as client:
        assert client.get(SESSION, params={name: buyer_token}).status_code == 401
        assert client.get(SESSION, params={name: f"Bearer {buyer_token}"}).status_code == 401


def test_a_token_in_a_form_is_rejected(external: UnthrottledGateway, buyer_token: str) -> None:
    with external.client() as client:
        response = client.put("/auth/v1/notification-settings/preferences", data={"access_token": buyer_token})
    assert response.status_code == 401


def test_a_token_of_one_gateway_is_rejected_at_the_other(
    external: UnthrottledGateway, internal: UnthrottledGateway, buyer_token: str, manager_token: str
) -> None:
    for gateway, token in ((internal, buyer_token), (external, manager_token)):
        with gateway.client(token=token) as client:
            assert client.get(SESSION).status_code == 401


def test_nobody_logs_in_at_the_wrong_gateway(external: UnthrottledGateway, internal: UnthrottledGateway) -> None:
    attempts = [
        (external, "/auth/v1/logins", "manager@reclothes.example", 401),
        (external, "/auth/v1/staff-logins", "manager@reclothes.example", 404),
        (internal, "/auth/v1/staff-logins", "donor@reclothes.example", 401),
        (internal, "/auth/v1/logins", "donor@reclothes.example", 404),
    ]
    for gateway, path, user, status in attempts:
        with gateway.client(address=unused_address()) as client:
            credentials = {"user_name": user, "password": "Reclothes-demo-1!"}
            assert client.post(path, json=credentials).status_code == status


# Session fixation: a log-in always creates a new session with a new token.


def test_a_log_in_ignores_a_token_that_the_client_sends(
    external: UnthrottledGateway, new_customer: Callable[[], Customer]
) -> None:
    attacker, victim = new_customer(), new_customer()
    forged = "rco_" + "A" * 43
    for planted in (forged, attacker.token or ""):
        with external.client(token=planted, address=unused_address()) as client:
            cookie = {"cookie": f"session={planted}"}
            credentials = {"user_name": victim.user_name, "password": victim.password}
            response = client.post("/auth/v1/logins", json=credentials, headers=cookie)
        assert response.status_code == 201
        assert response.json()["access_token"] not in (forged, attacker.token, victim.token)
        assert "set-cookie" not in response.headers
    with external.client(token=forged) as client:
        assert client.get(SESSION).status_code == 401
    attacker_id = attacker.call("GET", SESSION).json()["user"]["id"]
    assert attacker_id != victim.call("GET", SESSION).json()["user"]["id"]


def test_each_log_in_is_a_session_and_a_log_out_ends_one(new_customer: Callable[[], Customer]) -> None:
    customer = new_customer()
    first = customer.token
    customer.log_in()
    second = customer.token
    assert first != second
    customer.log_out()
    customer.call("GET", SESSION, expect=401)
    customer.token = first
    customer.call("GET", SESSION)


def test_the_reuse_of_a_refresh_token_ends_the_session(
    external: UnthrottledGateway, new_customer: Callable[[], Customer]
) -> None:
    victim = new_customer()
    tokens = log_in(external, victim.user_name, victim.password)
    with external.client(address=unused_address()) as client:

        def refresh(token: str) -> httpx.Response:
            return client.post("/auth/v1/refreshes", json={"refresh_token": token})

        def is_alive(token: str) -> bool:
            return client.get(SESSION, headers={"authorization": f"Bearer {token}"}).status_code == 200

        renewed = refresh(tokens["refresh_token"])
        assert renewed.status_code == 200
        assert not is_alive(tokens["access_token"])
        assert is_alive(renewed.json()["access_token"])

        same = refresh(tokens["refresh_token"]).json()
        assert same["access_token"] == renewed.json()["access_token"], "two concurrent refreshes get the same token"
        newest = refresh(renewed.json()["refresh_token"])
        assert newest.status_code == 200
        assert refresh(tokens["refresh_token"]).status_code == 401
        assert not is_alive(newest.json()["access_token"])
        assert refresh(newest.json()["refresh_token"]).status_code == 401


def test_access_and_refresh_tokens_are_not_interchangeable(external: UnthrottledGateway) -> None:
    tokens = log_in(external, "donor@reclothes.example")
    with external.client(address=unused_address()) as client:
        as_access = {"authorization": f"Bearer {tokens['refresh_token']}"}
        assert client.get(SESSION, headers=as_access).status_code == 401
        as_refresh = client.post("/auth/v1/refreshes", json={"refresh_token": tokens["access_token"]})
        assert as_refresh.status_code in (400, 401)


def test_a_refresh_token_of_one_gateway_is_rejected_at_the_other(
    external: UnthrottledGateway, internal: UnthrottledGateway
) -> None:
    of_customer = log_in(external, "donor@reclothes.example")["refresh_token"]
    of_staff = log_in(internal, "deliveryman@reclothes.example")["refresh_token"]
    with internal.client(address=unused_address()) as client:
        assert client.post("/auth/v1/staff-refreshes", json={"refresh_token": of_customer}).status_code == 401
        assert client.post("/auth/v1/staff-refreshes", json={"refresh_token": of_staff}).status_code == 200
    with external.client(address=unused_address()) as client:
        assert client.post("/auth/v1/refreshes", json={"refresh_token": of_customer}).status_code == 200


# The address of a client is that of its connection, not that in X-Forwarded-For.


def test_forwarding_headers_do_not_evade_a_throttle(platform: RunningPlatform) -> None:
    throttled = UnthrottledGateway("external", platform.layout.port("external"), platform.ca_file)
    link = {"token": "x" * 24}
    with throttled.client(address=unused_address()) as client:
        statuses = []
        for number in range(100):
            headers = {"x-forwarded-for": f"198.51.100.{number}", "x-real-ip": f"198.51.100.{number}"}
            headers |= {"forwarded": f"for=198.51.100.{number}", "true-client-ip": f"198.51.100.{number}"}
            headers |= {"authorization": f"Bearer rco_{number}"}
            response = client.post("/auth/v1/email-verifications", json=link, headers=headers)
            statuses.append(response.status_code)
            if response.status_code == 429:
                break
    assert response.status_code == 429
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) >= 1
    with throttled.client(address=unused_address()) as client:
        assert client.post("/auth/v1/email-verifications", json=link).status_code == 410


def test_forwarding_headers_do_not_evade_the_limit_of_failed_log_ins(external: UnthrottledGateway) -> None:
    """The limit of fifty failures counts for the address of the connection."""
    with external.client(address=unused_address()) as client:
        for number in range(60):
            headers = {"x-forwarded-for": f"203.0.113.{number}"}
            credentials = {"user_name": f"nobody{number}@attacks.example", "password": "guess-number-1"}
            response = client.post("/auth/v1/logins", json=credentials, headers=headers)
            if response.status_code == 429:
                break
            assert response.status_code == 401
    assert response.status_code == 429
    assert number >= 50
    assert "retry-after" in response.headers


def test_a_service_does_not_trust_a_forwarded_local_address(platform: RunningPlatform) -> None:
    """Services do not trust addresses, even without a gateway in front."""
    with direct_client(platform.ca_file) as client:
        for service, path in (("admin", "/admin/v1/settings"), ("customer", "/customer/v1/profile")):
            url = f"https://{HOST}:{platform.layout.port(service)}{path}"
            response = client.get(url, headers=MANAGER_CLAIMS | {"x-forwarded-for": "127.0.0.1"})
            assert response.status_code == 401
