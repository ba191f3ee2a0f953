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
from tests.integration.auth.people import People, slug
from tests.integration.auth.test_staff import Office

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
    "name": "Warehouse robot",
    "kind": "confidential",
    "gateway": "internal",
    "grant": "client_credentials",
    "scopes": ["shopping:products:read"],
}


class Application:
    """A registered application and the customer who uses it."""

    def __init__(self, people: People, **changes: Any) -> None:
        demo.load()
        self.people, self.office = people, Office(people)
        answer = self.office.ask("POST", "oauth-clients", json=APPLICATION | changes)
        assert answer.status_code == 201, answer.text
        self.client_id = answer.json()["client_id"]
        self.secret = self._secret() if changes.get("kind") == "confidential" else None
        self.verifier = secrets.token_urlsafe(48)
        self.customer = people.log_in("buyer@reclothes.example", demo.PASSWORD).json()["access_token"]

    def _secret(self) -> str:
        answer = self.office.ask("PUT", f"oauth-clients/{self.client_id}/secret")
        assert answer.status_code == 200
        return str(answer.json()["client_secret"])

    def request(self, **changes: str) -> dict[str, str]:
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

    def decide(self, agreed: bool = True, **changes: str) -> httpx.Response:
        body = self.request(**changes) | {"agreed": agreed}
        return self.people.ask(self.customer, "POST", "oauth/authorizations", json=body)

    def code(self) -> str:
        return query_of(self.decide().json()["redirect_to"])["code"]

    def token(self, **form: str) -> httpx.Response:
        auth = (self.client_id, self.secret) if self.secret else None
        sent = form if self.secret else {"client_id": self.client_id} | form
        answer: httpx.Response = self.people.auth.client.post("/auth/v1/oauth/tokens", data=sent, auth=auth)
        return answer

    def redeem(self, code: str, **changes: str) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return self.token(**form | {"code_verifier": self.verifier} | changes)


def query_of(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


@pytest.fixture
def application(people: People) -> Application:
    return Application(people)


@pytest.mark.real_servers
def test_an_application_acts_for_a_customer_who_agreed(application: Application) -> None:
    sent = query_of(application.decide().json()["redirect_to"])
    assert (sent["state"], sent["iss"]) == ("af0ifjsldkj", "https://auth.test")
    answer = application.redeem(sent["code"])
    assert (answer.status_code, answer.json()["scope"]) == (200, "shopping:cart")
    assert answer.headers["Cache-Control"] == "no-store"
    people = application.people
    claims = people.claims_of(people.swap(answer.json()["access_token"]))
    assert claims["sub"] == demo.user_id("buyer@reclothes.example")
    assert (claims["scope"], claims["client_id"]) == ("shopping:cart", application.client_id)
    assert people.swap(answer.json()["access_token"], "/exchange/internal/x").status_code == 401


def test_the_customer_sees_the_application_among_their_sessions_and_ends_it(application: Application) -> None:
    token = application.redeem(application.code()).json()["access_token"]
    people = application.people
    listed = people.ask(application.customer, "GET", "sessions").json()["items"]
    [session_id] = [one["session_id"] for one in listed if one["application"] == "Wardrobe app"]
    assert people.ask(application.customer, "DELETE", f"sessions/{session_id}").status_code == 204
    assert people.swap(token).status_code == 401


def test_an_application_cannot_touch_the_account_itself(application: Application) -> None:
    token = application.redeem(application.code()).json()["access_token"]
    assert application.people.ask(token, "GET", "sessions").status_code == 403
    assert application.people.ask(token, "DELETE", "sessions").status_code == 403


def test_a_customer_who_does_not_agree_gives_nothing(application: Application) -> None:
    sent = query_of(application.decide(agreed=False).json()["redirect_to"])
    assert (sent["error"], sent["state"], "code" in sent) == ("access_denied", "af0ifjsldkj", False)


def test_a_code_needs_its_verifier(application: Application) -> None:
    refused = application.redeem(application.code(), code_verifier=secrets.token_urlsafe(48))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    form = {"grant_type": "authorization_code", "code": application.code(), "redirect_uri": CALLBACK}
    assert application.token(**form).status_code == 400


@pytest.mark.real_servers
def test_a_code_that_comes_twice_ends_what_it_gave(application: Application) -> None:
    code = application.code()
    token = application.redeem(code).json()["access_token"]
    assert application.people.swap(token).status_code == 200
    assert application.redeem(code).json()["error"] == "invalid_grant"
    assert application.people.swap(token).status_code == 401


def test_a_code_ends_with_all_sessions_of_the_customer(application: Application) -> None:
    code = application.code()
    assert application.people.ask(application.customer, "DELETE", "sessions").status_code == 204
    assert application.redeem(code).json()["error"] == "invalid_grant"


def test_what_an_application_gets_and_loses_is_in_the_audit_trail(application: Application) -> None:
    code = application.code()
    token = application.redeem(code).json()["access_token"]
    form = {"client_id": application.client_id, "token": token}
    application.people.auth.client.post("/auth/v1/oauth/revocations", data=form)
    application.people.auth.client.post("/auth/v1/oauth/revocations", data=form)
    again = application.code()
    for _ in range(2):
        application.redeem(again)
    entries = application.people.auth.published("auth.audit.recorded.v1")
    told = [entry for entry in entries if entry["actor_id"] == demo.user_id("buyer@reclothes.example")]
    assert [entry["action"] for entry in told] == [
        "log_in",
        *("authorize_application", "log_in_application", "revoke_token"),
        *("authorize_application", "log_in_application", "authorization_code_reused"),
    ]
    assert told[1]["target"] == f"/auth/v1/oauth-clients/{application.client_id}"
    assert told[1]["after"] == {"scopes": ["shopping:cart"]}
    assert told[2]["after"] == {"client_id": application.client_id}
    assert not [word for word in (code, again, token) if word in str(entries)]


def test_a_code_is_good_for_one_minute_and_for_its_redirect_uri(application: Application) -> None:
    code = application.code()
    assert application.redeem(code, redirect_uri="https://evil.example/").json()["error"] == "invalid_grant"
    with freeze(now() + timedelta(seconds=61)):
        assert application.redeem(code).json()["error"] == "invalid_grant"


def test_a_code_is_of_no_use_to_another_application(application: Application) -> None:
    code = application.code()
    other = Application(application.people, name="Other app")
    other.verifier = application.verifier
    assert other.redeem(code).json()["error"] == "invalid_grant"
    assert application.redeem(code).status_code == 200


def test_an_application_renews_its_tokens_and_nobody_elses(application: Application) -> None:
    first = application.redeem(application.code()).json()
    renewed = application.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (renewed.status_code, renewed.json()["scope"]) == (200, "shopping:cart")
    assert application.people.swap(first["access_token"]).status_code == 401
    other = Application(application.people, name="Other app")
    stolen = other.token(grant_type="refresh_token", refresh_token=renewed.json()["refresh_token"])
    assert stolen.json()["error"] == "invalid_grant"
    first_party = application.people.post("refreshes", {"refresh_token": renewed.json()["refresh_token"]})
    assert first_party.status_code == 401
    assert application.people.swap(renewed.json()["access_token"]).status_code == 200
    with freeze(now() + timedelta(minutes=1)):
        again = application.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert again.json()["error"] == "invalid_grant"
    assert application.people.swap(renewed.json()["access_token"]).status_code == 401, "reuse ends the session"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"redirect_uri": "https://evil.example/callback"}, "here"),
        ({"client_id": "cli_" + "0" * 32}, "here"),
        ({"scope": "auth:session"}, "there"),
        ({"scope": "billing:payments"}, "there"),
    ],
)
def test_a_wrong_authorization_request_is_never_sent_to_an_unknown_place(
    application: Application, changes: dict[str, str], where: str
) -> None:
    client = application.people.auth.client
    began = client.get("/auth/v1/oauth/authorize", params=application.request(**changes), follow_redirects=False)
    decided = application.decide(**changes)
    if where == "here":
        assert (began.status_code, decided.status_code) == (400, 400)
        assert "Location" not in began.headers
    else:
        assert began.status_code == 302
        for location in (began.headers["Location"], decided.json()["redirect_to"]):
            assert location.startswith(CALLBACK + "?")
            assert query_of(location)["error"] == "invalid_scope"
            assert (query_of(location)["state"], query_of(location)["iss"]) == ("af0ifjsldkj", "https://auth.test")


def test_a_right_authorization_request_leads_to_the_page_that_asks(application: Application) -> None:
    client, request = application.people.auth.client, application.request()
    answer = client.get("/auth/v1/oauth/authorize", params=request, follow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("https://www.test/authorize?")
    assert query_of(answer.headers["Location"]) == request
    told = client.get(f"/auth/v1/oauth/applications/{application.client_id}").json()
    assert (told["name"], [one["name"] for one in told["scopes"]]) == ("Wardrobe app", APPLICATION["scopes"])


def test_without_pkce_there_is_no_code(application: Application) -> None:
    request = application.request()
    del request["code_challenge"]
    answer = application.people.ask(
        application.customer, "POST", "oauth/authorizations", json=request | {"agreed": True}
    )
    assert answer.status_code == 400
    assert application.decide(code_challenge_method="plain").status_code == 400


def test_a_removed_application_is_out_at_once(application: Application) -> None:
    token = application.redeem(application.code()).json()["access_token"]
    assert application.office.ask("DELETE", f"oauth-clients/{application.client_id}").status_code == 204
    assert application.people.swap(token).status_code == 401
    assert application.office.ask("GET", f"oauth-clients/{application.client_id}").status_code == 404
    assert application.decide().status_code == 400


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
def test_what_does_not_fit_a_client_is_refused(people: People, body: dict[str, Any], pointer: str) -> None:
    demo.load()
    answer = Office(people).ask("POST", "oauth-clients", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


def test_a_native_app_listens_on_a_loopback_address_with_the_port_that_is_free(people: People) -> None:
    application = Application(people, redirect_uris=["http://127.0.0.1/callback"])
    callback = "http://127.0.0.1:53187/callback"
    code = query_of(application.decide(redirect_uri=callback).json()["redirect_to"])["code"]
    assert application.redeem(code, redirect_uri="http://127.0.0.1:9/callback").json()["error"] == "invalid_grant"
    assert application.redeem(code, redirect_uri=callback).status_code == 200
    assert application.decide(redirect_uri="http://127.0.0.1:53187/other").status_code == 400


def test_the_longest_state_comes_back(application: Application) -> None:
    state = ' "%&+/=?~' * 55
    decided = application.decide(state=state)
    assert decided.status_code == 200, decided.text
    assert query_of(decided.json()["redirect_to"])["state"] == state


@pytest.mark.parametrize("state", ["\N{PILE OF POO}" * 200, "line\nbreak", "ünïcödé-state"])
def test_a_state_that_oauth_does_not_define_is_refused_from_the_beginning(
    application: Application, state: str
) -> None:
    request = application.request(state=state)
    began = application.people.auth.client.get("/auth/v1/oauth/authorize", params=request, follow_redirects=False)
    decided = application.decide(state=state)
    assert (began.status_code, began.json()["errors"][0]["pointer"]) == (400, "query/state")
    assert (decided.status_code, decided.json()["errors"][0]["pointer"]) == (400, "/state")


@pytest.fixture
def robot(people: People) -> tuple[Office, str, str]:
    """The manager, and the id and secret of a service account."""
    demo.load()
    office = Office(people)
    client_id = office.ask("POST", "oauth-clients", json=ACCOUNT).json()["client_id"]
    secret = office.ask("PUT", f"oauth-clients/{client_id}/secret").json()["client_secret"]
    return office, client_id, secret


def service_token(people: People, client_id: str, secret: str, **form: str) -> httpx.Response:
    answer: httpx.Response = people.auth.client.post(
        "/auth/v1/oauth/tokens", data={"grant_type": "client_credentials"} | form, auth=(client_id, secret)
    )
    return answer


def test_a_service_account_gets_a_token_for_its_own_gateway(robot: tuple[Office, str, str]) -> None:
    office, client_id, secret = robot
    answer = service_token(office.people, client_id, secret)
    assert (answer.status_code, answer.json()["scope"]) == (200, "shopping:products:read")
    assert "refresh_token" not in answer.json()
    token = answer.json()["access_token"]
    claims = office.people.claims_of(office.people.swap(token, "/exchange/internal/x"))
    assert (claims["kind"], claims["sub"], claims["roles"]) == ("machine", client_id, [])
    assert office.people.swap(token).status_code == 401, "the other gateway"


def test_a_wrong_secret_or_scope_gets_nothing(robot: tuple[Office, str, str]) -> None:
    office, client_id, secret = robot
    wrong = service_token(office.people, client_id, "rcs_wrong")
    assert (wrong.status_code, slug(wrong), wrong.json()["error"]) == (401, "invalid-client", "invalid_client")
    assert wrong.headers["WWW-Authenticate"].startswith("Basic")
    more = service_token(office.people, client_id, secret, scope="shopping:products:read shopping:prices:write")
    assert (more.status_code, more.json()["error"]) == (400, "invalid_scope")


def test_a_new_secret_voids_the_old_one_and_none_is_shown_again(robot: tuple[Office, str, str]) -> None:
    office, client_id, old = robot
    new = office.ask("PUT", f"oauth-clients/{client_id}/secret").json()["client_secret"]
    assert service_token(office.people, client_id, old).status_code == 401
    assert service_token(office.people, client_id, new).status_code == 200
    shown = office.ask("GET", f"oauth-clients/{client_id}")
    assert new not in shown.text
    assert shown.json()["has_secret"] is True
    assert new not in str(office.people.auth.published("auth.audit.recorded.v1"))


def test_a_client_learns_of_its_own_tokens_only(robot: tuple[Office, str, str], application: Application) -> None:
    office, client_id, secret = robot
    token = service_token(office.people, client_id, secret).json()["access_token"]

    def ask(about: str, auth: tuple[str, str] | None) -> httpx.Response:
        answer: httpx.Response = office.people.auth.client.post(
            "/auth/v1/oauth/introspections", data={"token": about}, auth=auth
        )
        return answer

    told = ask(token, (client_id, secret)).json()
    assert (told["active"], told["client_id"], told["scope"]) == (True, client_id, "shopping:products:read")
    assert told["exp"] > now().timestamp()
    assert ask(application.customer, (client_id, secret)).json() == {"active": False}
    assert ask(application.customer, ("customer", "s3cret")).json()["active"] is True, "our own service"
    assert ask("rco_unknown", (client_id, secret)).json() == {"active": False}
    assert ask(token, None).status_code == 401
    assert ask(token, (application.client_id, "")).status_code == 401, "a public client proves nothing"


def test_a_token_that_is_given_back_is_dead(application: Application) -> None:
    people, tokens = application.people, application.redeem(application.code()).json()

    def give_back(token: str) -> int:
        form = {"token": token, "client_id": application.client_id}
        return int(people.auth.client.post("/auth/v1/oauth/revocations", data=form).status_code)

    assert give_back("rcr_unknown") == 200
    assert give_back(application.customer) == 400, "not one of this client"
    assert people.swap(application.customer).status_code == 200
    assert give_back(tokens["refresh_token"]) == 200
    assert people.swap(tokens["access_token"]).status_code == 401


def test_the_metadata_are_valid_and_name_what_is_there(people: People) -> None:
    answer = people.auth.client.get("/.well-known/oauth-authorization-server")
    metadata = AuthorizationServerMetadata(answer.json())
    metadata.validate()
    assert metadata["issuer"] == "https://auth.test"
    for name in ("token_endpoint", "introspection_endpoint", "revocation_endpoint"):
        path = urlsplit(metadata[name]).path
        assert people.auth.client.post(path).status_code in (400, 415), "it is there"
