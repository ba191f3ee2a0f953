"""OAuth 2: code with PKCE, service accounts, introspection, revocation (RFC 6749, 7009, 7636, 7662, 8414, 9207)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from libs.chassis.clock import freeze, now
from services.auth import demo
from tests.integration.auth.auth_api import AuthApi, slug
from tests.integration.auth.test_staff import StaffApi

CALLBACK = "https://wardrobe.example/callback"
APPLICATION = {
    "name": "Wardrobe app",
    "kind": "public",
    "gateway": "external",
    "grant": "authorization_code",
    "redirect_uris": [CALLBACK],
    "scopes": ["customer:profile", "shopping:cart"],
}
ACCOUNT = {
    "name": "Warehouse service_account",
    "kind": "confidential",
    "gateway": "internal",
    "grant": "client_credentials",
    "scopes": ["shopping:products:read"],
}


class Application:
    """A registered application and the customer who uses it."""

    def __init__(self, api: AuthApi, **changes: Any) -> None:
        demo.load()
        self.api, self.staff = api, StaffApi(api)
        response = self.staff.request("POST", "oauth-clients", json=APPLICATION | changes)
        assert response.status_code == 201, response.text
        self.client_id = response.json()["client_id"]
        self.secret = self._secret() if changes.get("kind") == "confidential" else None
        self.verifier = secrets.token_urlsafe(48)
        self.customer = api.log_in("buyer@reclothes.example", demo.PASSWORD).json()["access_token"]

    def _secret(self) -> str:
        response = self.staff.request("PUT", f"oauth-clients/{self.client_id}/secret")
        assert response.status_code == 200
        return str(response.json()["client_secret"])

    def authorization_request(self, **changes: str) -> dict[str, str]:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": "shopping:cart",
            "state": "af0ifjsldkj",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        } | changes

    def submit_consent(self, agreed: bool = True, **changes: str) -> httpx.Response:
        body = self.authorization_request(**changes) | {"agreed": agreed}
        return self.api.request(self.customer, "POST", "oauth/authorizations", json=body)

    def obtain_code(self) -> str:
        return parse_query(self.submit_consent().json()["redirect_to"])["code"]

    def request_token(self, **form: str) -> httpx.Response:
        auth = (self.client_id, self.secret) if self.secret else None
        sent = form if self.secret else {"client_id": self.client_id} | form
        response: httpx.Response = self.api.auth.client.post("/auth/v1/oauth/tokens", data=sent, auth=auth)
        return response

    def redeem(self, code: str, **changes: str) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return self.request_token(**form | {"code_verifier": self.verifier} | changes)


def parse_query(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


@pytest.fixture
def application(api: AuthApi) -> Application:
    return Application(api)


@pytest.mark.real_servers
def test_an_application_acts_for_a_customer_who_consented(application: Application) -> None:
    query = parse_query(application.submit_consent().json()["redirect_to"])
    assert (query["state"], query["iss"]) == ("af0ifjsldkj", "https://auth.test")
    response = application.redeem(query["code"])
    assert (response.status_code, response.json()["scope"]) == (200, "shopping:cart")
    assert response.headers["Cache-Control"] == "no-store"
    api = application.api
    claims = api.claims_of(api.exchange(response.json()["access_token"]))
    assert claims["sub"] == demo.user_id("buyer@reclothes.example")
    assert (claims["scope"], claims["client_id"]) == ("shopping:cart", application.client_id)
    assert api.exchange(response.json()["access_token"], "/exchange/internal/x").status_code == 401


def test_the_customer_lists_and_ends_the_session_of_an_application(application: Application) -> None:
    token = application.redeem(application.obtain_code()).json()["access_token"]
    api = application.api
    listed = api.request(application.customer, "GET", "sessions").json()["items"]
    [session_id] = [item["session_id"] for item in listed if item["application"] == "Wardrobe app"]
    assert api.request(application.customer, "DELETE", f"sessions/{session_id}").status_code == 204
    assert api.exchange(token).status_code == 401


def test_an_application_cannot_manage_the_sessions_of_the_account(application: Application) -> None:
    token = application.redeem(application.obtain_code()).json()["access_token"]
    assert application.api.request(token, "GET", "sessions").status_code == 403
    assert application.api.request(token, "DELETE", "sessions").status_code == 403


def test_denied_consent_returns_no_code(application: Application) -> None:
    query = parse_query(application.submit_consent(agreed=False).json()["redirect_to"])
    assert (query["error"], query["state"], "code" in query) == ("access_denied", "af0ifjsldkj", False)


def test_a_code_requires_its_verifier(application: Application) -> None:
    response = application.redeem(application.obtain_code(), code_verifier=secrets.token_urlsafe(48))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    form = {"grant_type": "authorization_code", "code": application.obtain_code(), "redirect_uri": CALLBACK}
    assert application.request_token(**form).status_code == 400


@pytest.mark.real_servers
def test_reuse_of_a_code_revokes_its_session(application: Application) -> None:
    code = application.obtain_code()
    token = application.redeem(code).json()["access_token"]
    assert application.api.exchange(token).status_code == 200
    assert application.redeem(code).json()["error"] == "invalid_grant"
    assert application.api.exchange(token).status_code == 401


def test_ending_all_sessions_voids_unused_codes(application: Application) -> None:
    code = application.obtain_code()
    assert application.api.request(application.customer, "DELETE", "sessions").status_code == 204
    assert application.redeem(code).json()["error"] == "invalid_grant"


def test_tokens_of_an_application_are_audited(application: Application) -> None:
    code = application.obtain_code()
    token = application.redeem(code).json()["access_token"]
    form = {"client_id": application.client_id, "token": token}
    application.api.auth.client.post("/auth/v1/oauth/revocations", data=form)
    application.api.auth.client.post("/auth/v1/oauth/revocations", data=form)
    again = application.obtain_code()
    for _ in range(2):
        application.redeem(again)
    entries = application.api.auth.published("auth.audit.recorded.v1")
    entries_of_buyer = [entry for entry in entries if entry["actor_id"] == demo.user_id("buyer@reclothes.example")]
    assert [entry["action"] for entry in entries_of_buyer] == [
        "log_in",
        *("authorize_application", "log_in_application", "revoke_token"),
        *("authorize_application", "log_in_application", "authorization_code_reused"),
    ]
    assert entries_of_buyer[1]["target"] == f"/auth/v1/oauth-clients/{application.client_id}"
    assert entries_of_buyer[1]["after"] == {"scopes": ["shopping:cart"]}
    assert entries_of_buyer[2]["after"] == {"client_id": application.client_id}
    assert not [word for word in (code, again, token) if word in str(entries)]


def test_a_code_is_valid_for_one_minute_and_for_its_redirect_uri(application: Application) -> None:
    code = application.obtain_code()
    assert application.redeem(code, redirect_uri="https://evil.example/").json()["error"] == "invalid_grant"
    with freeze(now() + timedelta(seconds=61)):
        assert application.redeem(code).json()["error"] == "invalid_grant"


def test_a_code_is_not_valid_for_another_application(application: Application) -> None:
    code = application.obtain_code()
    other = Application(application.api, name="Other app")
    other.verifier = application.verifier
    assert other.redeem(code).json()["error"] == "invalid_grant"
    assert application.redeem(code).status_code == 200


def test_an_application_refreshes_only_its_own_tokens(application: Application) -> None:
    first = application.redeem(application.obtain_code()).json()
    renewed = application.request_token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (renewed.status_code, renewed.json()["scope"]) == (200, "shopping:cart")
    assert application.api.exchange(first["access_token"]).status_code == 401
    other = Application(application.api, name="Other app")
    stolen = other.request_token(grant_type="refresh_token", refresh_token=renewed.json()["refresh_token"])
    assert stolen.json()["error"] == "invalid_grant"
    first_party = application.api.post("refreshes", {"refresh_token": renewed.json()["refresh_token"]})
    assert first_party.status_code == 401
    assert application.api.exchange(renewed.json()["access_token"]).status_code == 200
    with freeze(now() + timedelta(minutes=1)):
        again = application.request_token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert again.json()["error"] == "invalid_grant"
    assert application.api.exchange(renewed.json()["access_token"]).status_code == 401, "reuse ends the session"


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"redirect_uri": "https://evil.example/callback"}, "rejected"),
        ({"client_id": "cli_" + "0" * 32}, "rejected"),
        ({"scope": "auth:session"}, "redirected"),
        ({"scope": "billing:payments"}, "redirected"),
    ],
)
def test_an_invalid_authorization_request_is_redirected_to_registered_uris_only(
    application: Application, changes: dict[str, str], outcome: str
) -> None:
    client = application.api.auth.client
    authorization = client.get(
        "/auth/v1/oauth/authorize", params=application.authorization_request(**changes), follow_redirects=False
    )
    consent = application.submit_consent(**changes)
    if outcome == "rejected":
        assert (authorization.status_code, consent.status_code) == (400, 400)
        assert "Location" not in authorization.headers
    else:
        assert authorization.status_code == 302
        for location in (authorization.headers["Location"], consent.json()["redirect_to"]):
            assert location.startswith(CALLBACK + "?")
            assert parse_query(location)["error"] == "invalid_scope"
            assert (parse_query(location)["state"], parse_query(location)["iss"]) == (
                "af0ifjsldkj",
                "https://auth.test",
            )


def test_a_valid_authorization_request_redirects_to_the_consent_page(application: Application) -> None:
    client, request = application.api.auth.client, application.authorization_request()
    response = client.get("/auth/v1/oauth/authorize", params=request, follow_redirects=False)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("https://www.test/authorize?")
    assert parse_query(response.headers["Location"]) == request
    shown = client.get(f"/auth/v1/oauth/applications/{application.client_id}").json()
    assert shown["name"] == "Wardrobe app"
    assert [scope["name"] for scope in shown["scopes"]] == APPLICATION["scopes"]


def test_a_code_requires_pkce(application: Application) -> None:
    request = application.authorization_request()
    del request["code_challenge"]
    response = application.api.request(
        application.customer, "POST", "oauth/authorizations", json=request | {"agreed": True}
    )
    assert response.status_code == 400
    assert application.submit_consent(code_challenge_method="plain").status_code == 400


def test_removing_an_application_revokes_its_tokens_immediately(application: Application) -> None:
    token = application.redeem(application.obtain_code()).json()["access_token"]
    assert application.staff.request("DELETE", f"oauth-clients/{application.client_id}").status_code == 204
    assert application.api.exchange(token).status_code == 401
    assert application.staff.request("GET", f"oauth-clients/{application.client_id}").status_code == 404
    assert application.submit_consent().status_code == 400


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (APPLICATION | {"scopes": ["auth:session"]}, "/scopes/0"),
        (APPLICATION | {"gateway": "internal"}, "/gateway"),
        (APPLICATION | {"redirect_uris": []}, "/redirect_uris"),
        (APPLICATION | {"redirect_uris": ["http://wardrobe.example/"]}, "/redirect_uris/0"),
        (ACCOUNT | {"kind": "public"}, "/kind"),
        (ACCOUNT | {"scopes": ["shopping:holds"]}, "/scopes/0"),
        (ACCOUNT | {"scopes": ["shopping:prices:write"]}, "/scopes/0"),
    ],
)
def test_inconsistent_client_registrations_are_rejected(api: AuthApi, body: dict[str, Any], pointer: str) -> None:
    demo.load()
    response = StaffApi(api).request("POST", "oauth-clients", json=body)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, pointer)


def test_a_native_app_may_use_any_port_of_a_loopback_address(api: AuthApi) -> None:
    application = Application(api, redirect_uris=["http://127.0.0.1/callback"])
    callback = "http://127.0.0.1:53187/callback"
    code = parse_query(application.submit_consent(redirect_uri=callback).json()["redirect_to"])["code"]
    assert application.redeem(code, redirect_uri="http://127.0.0.1:9/callback").json()["error"] == "invalid_grant"
    assert application.redeem(code, redirect_uri=callback).status_code == 200
    assert application.submit_consent(redirect_uri="http://127.0.0.1:53187/other").status_code == 400


def test_the_longest_state_is_returned_unchanged(application: Application) -> None:
    state = ' "%&+/=?~' * 55
    consent = application.submit_consent(state=state)
    assert consent.status_code == 200, consent.text
    assert parse_query(consent.json()["redirect_to"])["state"] == state


@pytest.mark.parametrize("state", ["\N{PILE OF POO}" * 200, "line\nbreak", "ünïcödé-state"])
def test_a_state_with_invalid_characters_is_rejected(application: Application, state: str) -> None:
    request = application.authorization_request(state=state)
    authorization = application.api.auth.client.get(
        "/auth/v1/oauth/authorize", params=request, follow_redirects=False
    )
    consent = application.submit_consent(state=state)
    assert (authorization.status_code, authorization.json()["errors"][0]["pointer"]) == (400, "query/state")
    assert (consent.status_code, consent.json()["errors"][0]["pointer"]) == (400, "/state")


@pytest.fixture
def service_account(api: AuthApi) -> tuple[StaffApi, str, str]:
    """The manager, and the id and secret of a service account."""
    demo.load()
    staff = StaffApi(api)
    client_id = staff.request("POST", "oauth-clients", json=ACCOUNT).json()["client_id"]
    secret = staff.request("PUT", f"oauth-clients/{client_id}/secret").json()["client_secret"]
    return staff, client_id, secret


def service_token(api: AuthApi, client_id: str, secret: str, **form: str) -> httpx.Response:
    response: httpx.Response = api.auth.client.post(
        "/auth/v1/oauth/tokens", data={"grant_type": "client_credentials"} | form, auth=(client_id, secret)
    )
    return response


def test_a_service_account_gets_a_token_for_its_own_gateway(service_account: tuple[StaffApi, str, str]) -> None:
    staff, client_id, secret = service_account
    response = service_token(staff.api, client_id, secret)
    assert (response.status_code, response.json()["scope"]) == (200, "shopping:products:read")
    assert "refresh_token" not in response.json()
    token = response.json()["access_token"]
    claims = staff.api.claims_of(staff.api.exchange(token, "/exchange/internal/x"))
    assert (claims["kind"], claims["sub"], claims["roles"]) == ("machine", client_id, [])
    assert staff.api.exchange(token).status_code == 401, "the other gateway"


def test_a_wrong_secret_or_scope_is_rejected(service_account: tuple[StaffApi, str, str]) -> None:
    staff, client_id, secret = service_account
    wrong = service_token(staff.api, client_id, "rcs_wrong")
    assert (wrong.status_code, slug(wrong), wrong.json()["error"]) == (401, "invalid-client", "invalid_client")
    assert wrong.headers["WWW-Authenticate"].startswith("Basic")
    more = service_token(staff.api, client_id, secret, scope="shopping:products:read shopping:prices:write")
    assert (more.status_code, more.json()["error"]) == (400, "invalid_scope")


def test_a_new_secret_voids_the_old_one_and_is_returned_once(service_account: tuple[StaffApi, str, str]) -> None:
    staff, client_id, old = service_account
    new = staff.request("PUT", f"oauth-clients/{client_id}/secret").json()["client_secret"]
    assert service_token(staff.api, client_id, old).status_code == 401
    assert service_token(staff.api, client_id, new).status_code == 200
    shown = staff.request("GET", f"oauth-clients/{client_id}")
    assert new not in shown.text
    assert shown.json()["has_secret"] is True
    assert new not in str(staff.api.auth.published("auth.audit.recorded.v1"))


def test_a_client_introspects_its_own_tokens_only(
    service_account: tuple[StaffApi, str, str], application: Application
) -> None:
    staff, client_id, secret = service_account
    token = service_token(staff.api, client_id, secret).json()["access_token"]

    def introspect(about: str, auth: tuple[str, str] | None) -> httpx.Response:
        response: httpx.Response = staff.api.auth.client.post(
            "/auth/v1/oauth/introspections", data={"token": about}, auth=auth
        )
        return response

    introspected = introspect(token, (client_id, secret)).json()
    assert introspected["active"] is True
    assert (introspected["client_id"], introspected["scope"]) == (client_id, "shopping:products:read")
    assert introspected["exp"] > now().timestamp()
    assert introspect(application.customer, (client_id, secret)).json() == {"active": False}
    assert introspect(application.customer, ("customer", "s3cret")).json()["active"] is True, "our own service"
    assert introspect("rco_unknown", (client_id, secret)).json() == {"active": False}
    assert introspect(token, None).status_code == 401
    assert introspect(token, (application.client_id, "")).status_code == 401, "a public client cannot authenticate"


def test_a_client_revokes_its_own_tokens_only(application: Application) -> None:
    api, tokens = application.api, application.redeem(application.obtain_code()).json()

    def revoke(token: str) -> int:
        form = {"token": token, "client_id": application.client_id}
        return int(api.auth.client.post("/auth/v1/oauth/revocations", data=form).status_code)

    assert revoke("rcr_unknown") == 200
    assert revoke(application.customer) == 400, "not a token of this client"
    assert api.exchange(application.customer).status_code == 200
    assert revoke(tokens["refresh_token"]) == 200
    assert api.exchange(tokens["access_token"]).status_code == 401


def test_the_metadata_are_valid_and_name_existing_endpoints(api: AuthApi) -> None:
    response = api.auth.client.get("/.well-known/oauth-authorization-server")
    metadata = AuthorizationServerMetadata(response.json())
    metadata.validate()
    assert metadata["issuer"] == "https://auth.test"
    for name in ("token_endpoint", "introspection_endpoint", "revocation_endpoint"):
        path = urlsplit(metadata[name]).path
        assert api.auth.client.post(path).status_code in (400, 415), "the endpoint exists"
