"""Only a valid ES256 token of our issuer and audience, with every claim, is accepted."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from libs.chassis import security
from libs.chassis.clock import freeze
from libs.chassis.problems import Unauthenticated
from libs.chassis.security import Principal

KEY = ECKey.generate_key("P-256", {"kid": "known"})
STRANGER = ECKey.generate_key("P-256", {"kid": "known"})


@pytest.fixture(autouse=True)
def keys(chosen: object) -> None:
    security.use_keys({"known": KEY})


def claims(**changes: Any) -> dict[str, Any]:
    """Valid claims with changes; None removes a claim."""
    moment = int(time.time())
    good = {"iss": "https://auth.test", "aud": "reclothes", "sub": "usr_1", "kind": "customer"}
    good |= {"iat": moment, "exp": moment + 60, "jti": "j1", "scope": "a b", "roles": ["customer"], **changes}
    return {name: value for name, value in good.items() if value is not None}


def token(key: Any = KEY, header: dict[str, Any] | None = None, **changes: Any) -> str:
    return jwt.encode(header or {"alg": "ES256", "kid": "known"}, claims(**changes), key)


def info(text: str) -> dict[str, Any] | None:
    return asyncio.run(security.token_info(text))


def test_a_valid_token_has_its_claims() -> None:
    found = info(token())
    assert found is not None
    who = Principal.from_claims(found)
    assert (who.subject, who.kind, who.is_internal) == ("usr_1", "customer", False)
    assert who.scopes == {"a", "b"}


def test_a_token_without_scopes_is_valid() -> None:
    found = info(token(scope=None))
    assert found is not None
    assert found["scope"] == ""


def test_one_of_several_audiences_suffices() -> None:
    assert info(token(aud=["other", "reclothes"])) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.test"},
        {"aud": "somebody-else"},
        {"aud": ["somebody-else"]},
        {"exp": int(time.time()) - 3600},
        {"exp": "never"},
        {"nbf": int(time.time()) + 3600},
        {"iat": int(time.time()) + 3600},
        {"kind": "root"},
        *({name: None} for name in ("iss", "aud", "exp", "iat", "sub", "jti", "kind")),
    ],
    ids=" ".join,
)
def test_a_token_with_invalid_claims_is_rejected(changes: dict[str, Any]) -> None:
    assert info(token(**changes)) is None


@pytest.mark.parametrize(
    ("changes", "is_valid"),
    [
        ({"iat": 59}, True),
        ({"iat": 61}, False),
        ({"nbf": 59}, True),
        ({"nbf": 61}, False),
        ({"exp": -59}, True),
        ({"exp": -61}, False),
    ],
    ids=str,
)
def test_claims_have_a_leeway_of_a_minute(changes: dict[str, int], is_valid: bool) -> None:
    moment = datetime.now(UTC).replace(microsecond=0)
    times = {name: int(moment.timestamp()) + seconds for name, seconds in changes.items()}
    with freeze(moment):
        assert (info(token(**times)) is not None) is is_valid


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _unsigned() -> str:
    return f"{_segment({'alg': 'none', 'kid': 'known'})}.{_segment(claims())}."


def _hmac_with_public_key() -> str:
    signed = f"{_segment({'alg': 'HS256', 'kid': 'known'})}.{_segment(claims())}"
    digest = hmac.digest(KEY.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _tampered() -> str:
    head, _, signature = token().split(".")
    return f"{head}.{_segment(claims(sub='usr_2'))}.{signature}"


def _body_is_a_list() -> str:
    head, _, signature = token().split(".")
    return f"{head}.{_segment([1])}.{signature}"


@pytest.mark.parametrize(
    "text",
    [
        _unsigned(),
        _hmac_with_public_key(),
        _tampered(),
        _body_is_a_list(),
        token(STRANGER),
        token(header={"alg": "ES256", "kid": "unknown"}),
        token(header={"alg": "ES256"}),
        f"{_segment({'alg': 'ES256', 'kid': 5})}.{_segment(claims())}.x",
        f"{_segment(['ES256'])}.e30.x",
        token().rpartition(".")[0],
        token() + ".more",
        "",
        "opaque",
        "a.b.c",
        "ä.ö.ü",
        "é" * 20,
    ],
    ids=range(16),
)
def test_a_forged_token_is_rejected(text: str) -> None:
    assert info(text) is None


def test_unavailable_keys_are_a_503(monkeypatch: pytest.MonkeyPatch) -> None:
    from libs.chassis.problems import Unavailable

    security._keys.use(security._Keys("http://127.0.0.1:9/jwks", None))
    with pytest.raises(Unavailable):
        info(token())


NEW = ECKey.generate_key("P-256", {"kid": "new", "use": "sig", "alg": "ES256"})


class Jwks:
    """A fake of auth's JWKS: its keys, the number of requests, and the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keys: list[ECKey] | None = [KEY]
        self.asked = 0
        self.seconds = 1000.0
        client = partial(httpx.AsyncClient, transport=httpx.MockTransport(self.answer))
        monkeypatch.setattr(security.httpx, "AsyncClient", lambda **_: client())
        monkeypatch.setattr(security.time, "monotonic", lambda: self.seconds)
        security._keys.use(security._Keys("https://auth.test/jwks", None))

    def answer(self, _request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.keys is None:
            return httpx.Response(503)
        return httpx.Response(200, json=KeySet(list(self.keys)).as_dict(private=False))


@pytest.fixture
def jwks(monkeypatch: pytest.MonkeyPatch) -> Jwks:
    return Jwks(monkeypatch)


def test_a_new_key_is_fetched_for_its_first_token(jwks: Jwks) -> None:
    old, new = token(), token(NEW, {"alg": "ES256", "kid": "new"})
    assert info(old)
    assert info(old)
    assert jwks.asked == 1
    jwks.keys = [KEY, NEW]
    assert info(new) is None, "made-up kids do not make us ask all the time"
    jwks.seconds += security.REFETCH_SECONDS
    assert info(new)
    assert info(old)
    assert jwks.asked == 2


def test_a_removed_key_is_rejected_after_some_minutes(jwks: Jwks) -> None:
    jwks.keys = [KEY, NEW]
    assert info(token())
    jwks.keys = [NEW]
    assert info(token())
    jwks.seconds += security.FRESH_SECONDS
    assert info(token()) is None
    assert info(token(NEW, {"alg": "ES256", "kid": "new"}))


def test_known_keys_remain_valid_while_auth_is_unavailable(jwks: Jwks) -> None:
    assert info(token())
    jwks.keys = None
    jwks.seconds += security.FRESH_SECONDS
    assert info(token())
    assert info(token())
    assert jwks.asked == 2, "and nobody waits for it with each request"


def test_there_is_no_principal_outside_a_request() -> None:
    assert security.principal_or_none() is None
    with pytest.raises(Unauthenticated):
        security.principal()
    with security.use_principal(Principal("usr_1", "internal")):
        assert security.principal().is_internal
    assert security.principal_or_none() is None
