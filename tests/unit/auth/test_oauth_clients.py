"""What an OAuth client may do: redirect URIs, scopes, grants and authentication methods."""

from __future__ import annotations

from typing import Any

import pytest

from services.auth.oauth.clients import RegisteredClient
from services.auth.oauth.rules import is_safe_redirect_uri, redirect_uri_matches
from services.auth.oauth.service_clients import ServiceClient
from services.auth.oauth.tables import OAuthClient
from services.auth.tokens.opaque import hash_token


@pytest.mark.parametrize(
    ("uri", "is_safe"),
    [
        ("https://wardrobe.example/callback", True),
        ("https://wardrobe.example:8443/callback?x=1", True),
        ("http://wardrobe.example/callback", False),
        ("https://wardrobe.example/#x", False),
        ("https://ana@wardrobe.example/", False),
        ("https:///callback", False),
        ("https://wardrobe.example:99999/", False),
        ("http://127.0.0.1/callback", True),
        ("http://127.0.0.1:8765/callback", True),
        ("http://[::1]/callback", True),
        ("http://[::1]:8765/callback", True),
        ("http://localhost:8765/callback", False),
        ("http://127.0.0.1:1@evil.example/callback", False),
        ("http://127.0.0.1.evil.example/callback", False),
        ("http://127.0.0.2/callback", False),
        ("http://127.0.0.1:0/callback", False),
        ("ftp://127.0.0.1/callback", False),
        ("wardrobe:/callback", False),
    ],
)
def test_a_redirect_uri_is_https_or_on_a_loopback_address(uri: str, is_safe: bool) -> None:
    assert is_safe_redirect_uri(uri) is is_safe


@pytest.mark.parametrize(
    ("registered", "requested", "matches"),
    [
        ("https://wardrobe.example/cb", "https://wardrobe.example/cb", True),
        ("https://wardrobe.example/cb", "https://wardrobe.example:443/cb", False),
        ("https://wardrobe.example/cb", "https://wardrobe.example/cb/", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:53187/cb", True),
        ("http://127.0.0.1:8765/cb", "http://127.0.0.1:53187/cb", True),
        ("http://127.0.0.1:8765/cb", "http://127.0.0.1/cb", True),
        ("http://[::1]/cb", "http://[::1]:53187/cb", True),
        ("http://127.0.0.1/cb", "http://[::1]:53187/cb", False),
        ("http://127.0.0.1/cb", "http://localhost:53187/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:53187/other", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:53187/cb?x=1", False),
        ("http://127.0.0.1/cb", "https://127.0.0.1:53187/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:53187/cb#x", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:53187@evil.example/cb", False),
        ("http://127.0.0.1/cb", "http://evil@127.0.0.1:53187/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb", False),
        ("http://127.0.0.1/cb", "no uri", False),
    ],
)
def test_only_the_port_of_a_loopback_address_may_differ_from_the_registered_one(
    registered: str, requested: str, matches: bool
) -> None:
    assert redirect_uri_matches(registered, requested) is matches


def client(**changes: Any) -> RegisteredClient:
    values = {
        "id": "cli_1",
        "kind": "public",
        "grant": "authorization_code",
        "scopes": ["b", "a"],
        "redirect_uris": [],
    }
    return RegisteredClient(OAuthClient(**values | changes))


@pytest.mark.parametrize(
    ("requested", "allowed"), [(None, "a b"), ("", "a b"), ("a", "a"), ("b a", "a b"), ("a c", None), ("c", None)]
)
def test_an_application_gets_only_its_registered_scopes(requested: str | None, allowed: str | None) -> None:
    assert client().get_allowed_scope(requested) == allowed


@pytest.mark.parametrize(
    ("kind", "method", "endpoint", "is_allowed"),
    [
        ("public", "none", "token", True),
        ("public", "none", "revocation", True),
        ("public", "none", "introspection", False),
        ("public", "client_secret_basic", "token", False),
        ("confidential", "none", "token", False),
        ("confidential", "client_secret_basic", "token", True),
        ("confidential", "client_secret_post", "introspection", True),
    ],
)
def test_a_confidential_client_must_authenticate(kind: str, method: str, endpoint: str, is_allowed: bool) -> None:
    assert client(kind=kind).check_endpoint_auth_method(method, endpoint) is is_allowed


@pytest.mark.parametrize(
    ("grant", "requested", "is_allowed"),
    [
        ("authorization_code", "authorization_code", True),
        ("authorization_code", "refresh_token", True),
        ("authorization_code", "client_credentials", False),
        ("client_credentials", "client_credentials", True),
        ("client_credentials", "refresh_token", False),
    ],
)
def test_a_service_account_cannot_refresh_its_session(grant: str, requested: str, is_allowed: bool) -> None:
    assert client(grant=grant).check_grant_type(requested) is is_allowed
    assert client(grant=grant).check_response_type("code") is (grant == "authorization_code")
    assert not client(grant=grant).check_response_type("token")


def test_a_client_secret_is_compared_by_its_hash() -> None:
    assert client(secret_hash=hash_token("rcs_x")).check_client_secret("rcs_x")
    assert not client(secret_hash=hash_token("rcs_x")).check_client_secret("rcs_y")
    assert not client(secret_hash=None).check_client_secret("")


def test_our_own_services_can_use_client_credentials_only() -> None:
    service = ServiceClient("customer", "s3cret", frozenset({"b", "a"}))
    assert [service.get_allowed_scope(requested) for requested in (None, "a", "a c", "c")] == ["a b", "a", "a", ""]
    assert service.check_client_secret("s3cret")
    assert not service.check_client_secret("s3cre")
    assert service.check_grant_type("client_credentials")
    assert not service.check_grant_type("authorization_code")
    assert not service.check_redirect_uri("https://wardrobe.example/callback")
    assert "s3cret" not in repr(service)
