"""Forged and twisted JWTs, straight at the port of a service, where no gateway helps it."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey

from tests.attacks.gateways import OpenGate, direct
from tests.support.platform import RunningPlatform
from tools.local_platform.layout import HOST

Json = dict[str, Any]
PROFILE = "/customer/v1/profile"


def encoded(part: Json | bytes) -> str:
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Forger:
    """Somebody who has one valid JWT of a customer, and the public keys."""

    def __init__(self, valid: str, public_key: Json) -> None:
        self.valid = valid
        self.header_text, self.claims_text, self.signature = valid.split(".")
        self.header: Json = json.loads(decoded(self.header_text))
        self.claims: Json = json.loads(decoded(self.claims_text))
        self.public_key = public_key
        self.own_key = ECKey.generate_key("P-256", {"kid": self.header["kid"], "alg": "ES256", "use": "sig"})

    def unsigned(self, header: Json, claims: Json | None = None, signature: bytes = b"") -> str:
        """A JWT with any header and signature."""
        return f"{encoded(self.header | header)}.{encoded(claims or self.claims)}.{encoded(signature)}"

    def resigned(self, header: Json | None = None, **changes: Any) -> str:
        """A JWT that an own key signs."""
        return jwt.encode({"alg": "ES256", **self.header, **(header or {})}, self.claims | changes, self.own_key)

    def by_hmac(self, algorithm: str, secret: bytes, header: Json | None = None) -> str:
        """A JWT whose "secret" is something public (CVE-2015-9235)."""
        text = f"{encoded(self.header | {'alg': algorithm} | (header or {}))}.{self.claims_text}"
        digest = hmac.new(secret, text.encode(), f"sha{algorithm[2:]}").digest()
        return f"{text}.{encoded(digest)}"

    def with_claims(self, **changes: Any) -> str:
        """Other claims under the old signature."""
        return f"{self.header_text}.{encoded(self.claims | changes)}.{self.signature}"


@pytest.fixture(scope="module")
def forger(platform: RunningPlatform, buyer_token: str) -> Forger:
    auth = platform.layout.url_of_service("auth")
    with direct(platform.ca_file) as client:
        headers = {"authorization": f"Bearer {buyer_token}"}
        exchanged = client.get(f"{auth}/exchange/external{PROFILE}", headers=headers)
        keys = client.get(f"{auth}/auth/v1/jwks").json()["keys"]
    valid = exchanged.headers["authorization"].removeprefix("Bearer ")
    kid = json.loads(decoded(valid.split(".")[0]))["kid"]
    return Forger(valid, next(key for key in keys if key["kid"] == kid))


@pytest.fixture(scope="module")
def service(platform: RunningPlatform) -> Iterator[httpx.Client]:
    """The customer service, asked directly."""
    url = f"https://{HOST}:{platform.layout.port('customer')}"
    with direct(platform.ca_file, url) as client:
        yield client


def refused(service: httpx.Client, forged: str) -> bool:
    answer = service.get(PROFILE, headers={"authorization": f"Bearer {forged}"})
    return answer.status_code == 401 and answer.headers["content-type"] == "application/problem+json"


def test_the_jwt_that_is_twisted_here_is_a_valid_one(service: httpx.Client, forger: Forger) -> None:
    assert service.get(PROFILE, headers={"authorization": f"Bearer {forger.valid}"}).status_code == 200


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 0, ["ES256"], {"alg": "ES256"}])
def test_no_algorithm_is_no_signature(service: httpx.Client, forger: Forger, alg: Any) -> None:
    assert refused(service, forger.unsigned({"alg": alg}))
    assert refused(service, forger.unsigned({"alg": alg}, signature=decoded(forger.signature)))
    assert refused(service, forger.unsigned({"alg": alg}).rstrip("."))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_no_shared_secret(service: httpx.Client, forger: Forger, algorithm: str) -> None:
    key = ECKey.import_key(forger.public_key)
    x, y = (decoded(forger.public_key[part]) for part in ("x", "y"))
    secrets = [key.as_pem(private=False), key.as_der(private=False), x, x + y, b"\x04" + x + y, b"", b"secret"]
    secrets += [
        json.dumps(forger.public_key).encode(),
        forger.public_key["x"].encode(),
        forger.header["kid"].encode(),
    ]
    for secret in secrets:
        assert refused(service, forger.by_hmac(algorithm, secret))
        assert refused(service, forger.by_hmac(algorithm, secret.strip(), {"alg": "ES256"}))


@pytest.mark.parametrize("algorithm", ["ES384", "ES512", "ES256K", "RS256", "PS256", "EdDSA", "es256", "ES256 "])
def test_another_algorithm_is_not_taken(service: httpx.Client, forger: Forger, algorithm: str) -> None:
    assert refused(service, forger.unsigned({"alg": algorithm}, signature=decoded(forger.signature)))


@pytest.mark.parametrize(
    "kid",
    [
        "unknown",
        "../../../../dev/null",
        "/dev/null",
        "' UNION SELECT 'key",
        "http://127.0.0.1:9/jwks",
        "",
        None,
        0,
        ["a"],
        {"a": "b"},
        "\x00",
        "k" * 5000,
    ],
)
def test_a_key_is_not_chosen_by_its_forger(service: httpx.Client, forger: Forger, kid: Any) -> None:
    assert refused(service, forger.unsigned({"kid": kid}, signature=decoded(forger.signature)))
    assert refused(service, forger.by_hmac("HS256", b"", {"kid": kid}))


def test_a_jwt_does_not_bring_its_own_key(service: httpx.Client, forger: Forger) -> None:
    own = forger.own_key.as_dict(private=False)
    assert refused(service, forger.resigned())
    for header in (
        {"jwk": own},
        {"jku": "http://127.0.0.1:9/jwks"},
        {"x5u": "http://127.0.0.1:9/"},
        {"x5c": ["AA=="]},
    ):
        text = f"{encoded(forger.header | header)}.{forger.claims_text}"
        signature = decoded(forger.resigned().split(".")[2])
        assert refused(service, f"{text}.{encoded(signature)}")


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "usr_00000000000000000000000000000000"},
        {"kind": "internal", "roles": ["manager"]},
        {"kind": "service"},
        {"scope": "customer:profile admin:settings:write"},
        {"exp": 4102444800},
        {"aud": ["reclothes", "x"]},
    ],
)
def test_claims_cannot_be_changed_under_the_old_signature(
    service: httpx.Client, forger: Forger, changes: Json
) -> None:
    assert refused(service, forger.with_claims(**changes))
    assert refused(service, forger.resigned(**changes))


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"\0" * 64,
        b"\xff" * 64,
        b"\0" * 63,
        b"\x30\x06\x02\x01\x00\x02\x01\x00",
        b"\0" * 31 + b"\1" + b"\0" * 32,
    ],
)
def test_an_empty_signature_proves_nothing(service: httpx.Client, forger: Forger, signature: bytes) -> None:
    """Zeroes were once valid for everything (CVE-2022-21449)."""
    assert refused(service, forger.unsigned({}, signature=signature))


def test_one_bit_of_the_signature_is_enough_to_refuse_it(service: httpx.Client, forger: Forger) -> None:
    signature = bytearray(decoded(forger.signature))
    signature[20] ^= 1
    assert refused(service, f"{forger.header_text}.{forger.claims_text}.{encoded(bytes(signature))}")
    assert refused(service, f"{forger.header_text}.{forger.claims_text}.{encoded(bytes(signature) + b'x')}")


@pytest.mark.parametrize(
    "shape",
    [
        "{h}.{c}",
        "{h}.{c}.",
        "{h}..{s}",
        ".{c}.{s}",
        "{h}.{c}.{s}.{s}",
        "{h}.{c}.{s}.",
        "..",
        "",
        ".",
        "{c}.{h}.{s}",
    ],
)
def test_half_a_jwt_is_none(service: httpx.Client, forger: Forger, shape: str) -> None:
    twisted = shape.format(h=forger.header_text, c=forger.claims_text, s=forger.signature)
    answer = service.get(PROFILE, headers={"authorization": f"Bearer {twisted}".strip()})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "header_text",
    [
        encoded(b'{"alg":"none","alg":"ES256"}'),
        encoded(b'{"alg":"ES256"'),
        encoded(b"[]"),
        encoded(b"null"),
        encoded(b"\xff\xfe"),
        encoded(b"[" * 3000),
        "not base64!",
        "=",
    ],
)
def test_a_header_that_is_no_object_is_no_header(service: httpx.Client, forger: Forger, header_text: str) -> None:
    assert refused(service, f"{header_text}.{forger.claims_text}.{forger.signature}")


def test_a_critical_header_that_is_not_understood_is_refused(service: httpx.Client, forger: Forger) -> None:
    assert refused(service, forger.unsigned({"crit": ["exp"], "b64": False}, signature=decoded(forger.signature)))


def test_two_authorization_headers_are_no_choice(service: httpx.Client, forger: Forger) -> None:
    forged = forger.with_claims(sub="usr_00000000000000000000000000000000")
    for first, second in ((forger.valid, forged), (forged, forger.valid)):
        headers = [("authorization", f"Bearer {first}"), ("authorization", f"Bearer {second}")]
        answer = service.get(PROFILE, headers=headers)
        assert answer.status_code in (400, 401) or answer.json()["id"] == forger.claims["sub"]


@pytest.fixture(scope="module")
def signing_key(platform: RunningPlatform) -> ECKey:
    """The real key, to try claims that auth would never sign."""
    (file,) = (platform.layout.secrets_dir / "signing-keys").glob("*.pem")
    return ECKey.import_key(file.read_text(), {"alg": "ES256", "use": "sig"})


def test_the_real_key_signs_what_is_valid(service: httpx.Client, forger: Forger, signing_key: ECKey) -> None:
    own = jwt.encode(forger.header, forger.claims, signing_key)
    assert service.get(PROFILE, headers={"authorization": f"Bearer {own}"}).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"exp": "soon"},
        {"exp": -(10**30)},
        {"iat": "yesterday"},
        {"nbf": int(time.time()) + 3600},
        {"iss": "https://somebody.example"},
        {"iss": None},
        {"iss": ["https://somebody.example"]},
        {"aud": "somebody-else"},
        {"aud": None},
        {"aud": []},
        {"sub": None},
        {"kind": "root"},
        {"kind": None},
        {"jti": None},
    ],
    ids=" ".join,
)
def test_a_rightly_signed_jwt_must_be_for_us_and_for_now(
    service: httpx.Client, forger: Forger, signing_key: ECKey, changes: Json
) -> None:
    claims = {name: value for name, value in (forger.claims | changes).items() if value is not None}
    signed = jws.serialize_compact(forger.header, json.dumps(claims), signing_key, algorithms=["ES256"])
    assert refused(service, signed)


def test_the_gateways_take_no_jwt_at_all(external: OpenGate, internal: OpenGate, forger: Forger) -> None:
    """A JWT is for the services; who has one has no access token."""
    for gate in (external, internal):
        with gate.client(token=forger.valid) as client:
            assert client.get("/auth/v1/session").status_code == 401


def test_a_customers_jwt_opens_nothing_of_the_staff(platform: RunningPlatform, forger: Forger) -> None:
    paths = {
        "admin": "/admin/v1/settings",
        "shopping": "/shopping/v1/inventory",
        "locker": "/locker/v1/boxes",
        "customer": "/customer/v1/monitored-buying-orders",
    }
    with direct(platform.ca_file) as client:
        for name, path in paths.items():
            url = f"{platform.layout.url_of_service(name)}{path}"
            assert client.get(url, headers={"authorization": f"Bearer {forger.valid}"}).status_code == 403
