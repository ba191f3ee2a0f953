"""Tokens for services by client credentials, and the keys that prove all tokens."""

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
from tests.integration.auth.conftest import create_signing_key
from tests.integration.auth.people import People, slug
from tests.support.harness import Harness


def ask(auth: Harness, credentials: tuple[str, str] | None = ("customer", "s3cret"), **form: str) -> httpx.Response:
    answer: httpx.Response = auth.client.post(
        "/auth/v1/token", data={"grant_type": "client_credentials", **form}, auth=credentials
    )
    return answer


def claims_of(auth: Harness, answer: httpx.Response) -> dict[str, Any]:
    keys = KeySet.import_key_set(auth.client.get("/auth/v1/jwks").json())
    return dict(jwt.decode(answer.json()["access_token"], keys).claims)


def test_a_service_gets_a_token_with_its_scopes_only(auth: Harness) -> None:
    answer = ask(auth, scope="shopping:holds admin:audit:read")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["scope"], answer.json()["token_type"]) == ("shopping:holds", "Bearer")
    assert answer.headers["cache-control"] == "no-store"
    claims = claims_of(auth, answer)
    assert (claims["kind"], claims["sub"], claims["scope"]) == ("service", "customer", "shopping:holds")
    assert 0 < claims["exp"] - claims["iat"] <= 300
    assert claims_of(auth, ask(auth))["scope"] == "shopping:holds"


def test_credentials_may_come_in_the_form(auth: Harness) -> None:
    assert ask(auth, None, client_id="customer", client_secret="s3cret").status_code == 200


@pytest.mark.parametrize("credentials", [("customer", "wrong"), ("nobody", "s3cret"), ("customer", ""), None])
def test_wrong_credentials_get_no_token(auth: Harness, credentials: tuple[str, str] | None) -> None:
    answer = ask(auth, credentials)
    assert (answer.status_code, slug(answer), answer.json()["error"]) == (401, "invalid-client", "invalid_client")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert "access_token" not in answer.text


def test_a_scope_of_others_gets_no_token(auth: Harness) -> None:
    answer = ask(auth, scope="admin:audit:read")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


def test_a_service_token_opens_no_gateway(people: People) -> None:
    token = ask(people.auth).json()["access_token"]
    assert people.swap(token).status_code == 401
    assert people.swap(token, "/exchange/internal/x").status_code == 401


def test_new_credentials_are_seen_without_a_restart(auth: Harness) -> None:
    path = settings_as(AuthSettings).service_clients_file
    path.write_text(path.read_text().replace("s3cret", "n3w"))
    os.utime(path, (1, 1))
    assert ask(auth).status_code == 401
    assert ask(auth, ("customer", "n3w")).status_code == 200


def test_only_the_public_parts_of_keys_are_published(auth: Harness) -> None:
    answer = auth.client.get("/auth/v1/jwks")
    [key] = answer.json()["keys"]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert "d" not in key
    assert "max-age" in answer.headers["cache-control"]
    assert key["kid"] == ECKey.import_key(key).thumbprint()


def test_a_new_key_is_published_first_and_signs_later(verified: People, token: str) -> None:
    old = verified.swap(token)
    path = create_signing_key(settings_as(AuthSettings).signing_keys_dir)
    published = {key["kid"] for key in verified.auth.client.get("/auth/v1/jwks").json()["keys"]}
    assert len(published) == 2

    def kid_of_next_token() -> str:
        redis_client().flushdb()
        answer = verified.swap(token)
        assert verified.claims_of(answer)["kind"] == "customer"
        header = jwt.decode(answer.headers["authorization"][7:], _every_key()).header
        return str(header["kid"])

    new = ECKey.import_key(path.read_text()).thumbprint()
    assert kid_of_next_token() != new, "gateways do not know it yet"
    long_ago = path.stat().st_mtime - 600
    for number, file in enumerate(sorted(path.parent.glob("*.pem"))):
        os.utime(file, (long_ago + number, long_ago + number))
    assert kid_of_next_token() == new
    assert verified.claims_of(old)["kind"] == "customer", "what the old key signed is still valid"


def _every_key() -> KeySet:
    return KeySet(list(signing_keys.load_signing_keys().all_keys))


def test_a_broken_key_file_stops_nothing(verified: People, token: str) -> None:
    folder = settings_as(AuthSettings).signing_keys_dir
    (folder / "half.pem").write_text("-----BEGIN PRIVATE KEY-----\nMIGH")
    (folder / "other-curve.pem").write_bytes(ECKey.generate_key("P-384").as_pem(private=True))
    assert verified.swap(token).status_code == 200
    assert len(verified.auth.client.get("/auth/v1/jwks").json()["keys"]) == 1


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
