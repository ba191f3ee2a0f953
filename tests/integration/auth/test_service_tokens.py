"""Client credentials of our services, and the keys that sign JWTs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from libs.chassis.cache import redis_client
from libs.chassis.settings import SettingsError, overridden, settings_as
from services.auth import app
from services.auth.settings import AuthSettings
from services.auth.tokens import signing_keys
from tests.integration.auth.auth_api import AuthApi, slug
from tests.integration.auth.conftest import create_signing_key
from tests.support.harness import Harness


def request_token(
    auth: Harness, credentials: tuple[str, str] | None = ("customer", "s3cret"), **form: str
) -> httpx.Response:
    response: httpx.Response = auth.client.post(
        "/auth/v1/token", data={"grant_type": "client_credentials", **form}, auth=credentials
    )
    return response


def claims_of(auth: Harness, response: httpx.Response) -> dict[str, Any]:
    keys = KeySet.import_key_set(auth.client.get("/auth/v1/jwks").json())
    return dict(jwt.decode(response.json()["access_token"], keys).claims)


def test_a_service_gets_a_token_with_its_scopes_only(auth: Harness) -> None:
    response = request_token(auth, scope="shopping:holds admin:audit:read")
    assert response.status_code == 200, response.text
    assert (response.json()["scope"], response.json()["token_type"]) == ("shopping:holds", "Bearer")
    assert response.headers["cache-control"] == "no-store"
    claims = claims_of(auth, response)
    assert (claims["kind"], claims["sub"], claims["scope"]) == ("service", "customer", "shopping:holds")
    assert 0 < claims["exp"] - claims["iat"] <= 300
    assert claims_of(auth, request_token(auth))["scope"] == "shopping:holds"


def test_client_credentials_are_accepted_in_the_form(auth: Harness) -> None:
    assert request_token(auth, None, client_id="customer", client_secret="s3cret").status_code == 200


@pytest.mark.parametrize("credentials", [("customer", "wrong"), ("nobody", "s3cret"), ("customer", ""), None])
def test_wrong_client_credentials_are_rejected(auth: Harness, credentials: tuple[str, str] | None) -> None:
    response = request_token(auth, credentials)
    assert (response.status_code, slug(response), response.json()["error"]) == (
        401,
        "invalid-client",
        "invalid_client",
    )
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["WWW-Authenticate"].startswith("Basic")
    assert "access_token" not in response.text


def test_a_scope_of_another_service_is_rejected(auth: Harness) -> None:
    response = request_token(auth, scope="admin:audit:read")
    assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")


def test_a_service_token_is_rejected_by_the_gateways(api: AuthApi) -> None:
    token = request_token(api.auth).json()["access_token"]
    assert api.exchange(token).status_code == 401
    assert api.exchange(token, "/exchange/internal/x").status_code == 401


def test_changed_credentials_are_loaded_without_a_restart(auth: Harness) -> None:
    path = settings_as(AuthSettings).service_clients_file
    path.write_text(path.read_text().replace("s3cret", "n3w"))
    os.utime(path, (1, 1))
    assert request_token(auth).status_code == 401
    assert request_token(auth, ("customer", "n3w")).status_code == 200


def test_only_the_public_parts_of_keys_are_published(auth: Harness) -> None:
    response = auth.client.get("/auth/v1/jwks")
    [key] = response.json()["keys"]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert "d" not in key
    assert "max-age" in response.headers["cache-control"]
    assert key["kid"] == ECKey.import_key(key).thumbprint()


def test_a_new_key_is_published_first_and_signs_later(customer: AuthApi, token: str) -> None:
    old = customer.exchange(token)
    path = create_signing_key(settings_as(AuthSettings).signing_keys_dir)
    published = {key["kid"] for key in customer.auth.client.get("/auth/v1/jwks").json()["keys"]}
    assert len(published) == 2

    def kid_of_next_token() -> str:
        redis_client().flushdb()
        response = customer.exchange(token)
        assert customer.claims_of(response)["kind"] == "customer"
        header = jwt.decode(response.headers["authorization"][7:], _every_key()).header
        return str(header["kid"])

    new = ECKey.import_key(path.read_text()).thumbprint()
    assert kid_of_next_token() != new, "gateways may not have loaded it yet"
    long_ago = path.stat().st_mtime - 600
    for number, file in enumerate(sorted(path.parent.glob("*.pem"))):
        os.utime(file, (long_ago + number, long_ago + number))
    assert kid_of_next_token() == new
    assert customer.claims_of(old)["kind"] == "customer", "what the old key signed is still valid"


def _every_key() -> KeySet:
    return KeySet(list(signing_keys.load_signing_keys().all_keys))


def test_a_malformed_key_file_does_not_affect_the_others(customer: AuthApi, token: str) -> None:
    folder = settings_as(AuthSettings).signing_keys_dir
    (folder / "half.pem").write_text("-----BEGIN PRIVATE KEY-----\nMIGH")
    (folder / "other-curve.pem").write_bytes(ECKey.generate_key("P-384").as_pem(private=True))
    assert customer.exchange(token).status_code == 200
    assert len(customer.auth.client.get("/auth/v1/jwks").json()["keys"]) == 1


def test_without_keys_or_clients_the_service_does_not_start(auth: Harness, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with overridden(signing_keys_dir=empty), pytest.raises(SettingsError, match="AUTH_SIGNING_KEYS_DIR"):
        app.make_token_exchange()
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"customer": {"scopes": ["do-not-show"]}}')
    for path in (wrong, tmp_path / "missing.json"):
        with overridden(service_clients_file=path), pytest.raises(SettingsError) as caught:
            app.make_token_exchange()
        assert "AUTH_SERVICE_CLIENTS_FILE" in str(caught.value)
        assert "do-not-show" not in str(caught.value)
