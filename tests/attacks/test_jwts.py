"""Forged and malformed JWTs at the port of a service, without a gateway in front."""

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

from tests.attacks.gateways import UnthrottledGateway, direct_client
from tests.support.platform import RunningPlatform
from tools.local_platform.layout import HOST

Json = dict[str, Any]
PROFILE = "/customer/v1/profile"


def base64url(part: Json | bytes) -> str:
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def from_base64url(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class JwtForger:
    """Forges JWTs from one valid JWT of a customer and the public keys."""

    def __init__(self, valid: str, public_key: Json) -> None:
        self.valid = valid
        self.header_text, self.claims_text, self.signature = valid.split(".")
        self.header: Json = json.loads(from_base64url(self.header_text))
        self.claims: Json = json.loads(from_base64url(self.claims_text))
        self.public_key = public_key
        self.own_key = ECKey.generate_key("P-256", {"kid": self.header["kid"], "alg": "ES256", "use": "sig"})

    def with_header(self, header: Json, claims: Json | None = None, signature: bytes = b"") -> str:
        """A JWT with changed header and claims and any signature."""
        return f"{base64url(self.header | header)}.{base64url(claims or self.claims)}.{base64url(signature)}"

    def resigned(self, header: Json | None = None, **changes: Any) -> str:
        """A JWT that is signed with the key of the forger."""
        return jwt.encode({"alg": "ES256", **self.header, **(header or {})}, self.claims | changes, self.own_key)

    def with_hmac(self, algorithm: str, secret: bytes, header: Json | None = None) -> str:
        """A JWT that is signed with public data as the secret (CVE-2015-9235)."""
        text = f"{base64url(self.header | {'alg': algorithm} | (header or {}))}.{self.claims_text}"
        digest = hmac.new(secret, text.encode(), f"sha{algorithm[2:]}").digest()
        return f"{text}.{base64url(digest)}"

    def with_claims(self, **changes: Any) -> str:
        """A JWT with changed claims and the original signature."""
        return f"{self.header_text}.{base64url(self.claims | changes)}.{self.signature}"


@pytest.fixture(scope="module")
def forger(platform: RunningPlatform, buyer_token: str) -> JwtForger:
    auth = platform.layout.service_url("auth")
    with direct_client(platform.ca_file) as client:
        headers = {"authorization": f"Bearer {buyer_token}"}
        exchanged = client.get(f"{auth}/exchange/external{PROFILE}", headers=headers)
        keys = client.get(f"{auth}/auth/v1/jwks").json()["keys"]
    valid = exchanged.headers["authorization"].removeprefix("Bearer ")
    kid = json.loads(from_base64url(valid.split(".")[0]))["kid"]
    return JwtForger(valid, next(key for key in keys if key["kid"] == kid))


@pytest.fixture(scope="module")
def service(platform: RunningPlatform) -> Iterator[httpx.Client]:
    """A client of the customer service, without a gateway."""
    url = f"https://{HOST}:{platform.layout.port('customer')}"
    with direct_client(platform.ca_file, url) as client:
        yield client


def is_rejected(service: httpx.Client, forged: str) -> bool:
    response = service.get(PROFILE, headers={"authorization": f"Bearer {forged}"})
    return response.status_code == 401 and response.headers["content-type"] == "application/problem+json"


def test_the_original_jwt_is_valid(service: httpx.Client, forger: JwtForger) -> None:
    assert service.get(PROFILE, headers={"authorization": f"Bearer {forger.valid}"}).status_code == 200


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 0, ["ES256"], {"alg": "ES256"}])
def test_an_unsigned_jwt_is_rejected(service: httpx.Client, forger: JwtForger, alg: Any) -> None:
    assert is_rejected(service, forger.with_header({"alg": alg}))
    assert is_rejected(service, forger.with_header({"alg": alg}, signature=from_base64url(forger.signature)))
    assert is_rejected(service, forger.with_header({"alg": alg}).rstrip("."))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_not_accepted_as_a_shared_secret(
    service: httpx.Client, forger: JwtForger, algorithm: str
) -> None:
    key = ECKey.import_key(forger.public_key)
    x, y = (from_base64url(forger.public_key[part]) for part in ("x", "y"))
    secrets = [key.as_pem(private=False), key.as_der(private=False), x, x + y, b"\x04" + x + y, b"", b"secret"]
    secrets += [
        json.dumps(forger.public_key).encode(),
        forger.public_key["x"].encode(),
        forger.header["kid"].encode(),
    ]
    for secret in secrets:
        assert is_rejected(service, forger.with_hmac(algorithm, secret))
        assert is_rejected(service, forger.with_hmac(algorithm, secret.strip(), {"alg": "ES256"}))


@pytest.mark.parametrize("algorithm", ["ES384", "ES512", "ES256K", "RS256", "PS256", "EdDSA", "es256", "ES256 "])
def test_another_algorithm_is_rejected(service: httpx.Client, forger: JwtForger, algorithm: str) -> None:
    assert is_rejected(service, forger.with_header({"alg": algorithm}, signature=from_base64url(forger.signature)))


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
def test_the_key_id_cannot_select_a_key_of_the_forger(service: httpx.Client, forger: JwtForger, kid: Any) -> None:
    assert is_rejected(service, forger.with_header({"kid": kid}, signature=from_base64url(forger.signature)))
    assert is_rejected(service, forger.with_hmac("HS256", b"", {"kid": kid}))


def test_a_key_in_the_header_is_ignored(service: httpx.Client, forger: JwtForger) -> None:
    own = forger.own_key.as_dict(private=False)
    assert is_rejected(service, forger.resigned())
    for header in (
        {"jwk": own},
        {"jku": "http://127.0.0.1:9/jwks"},
        {"x5u": "http://127.0.0.1:9/"},
        {"x5c": ["AA=="]},
    ):
        text = f"{base64url(forger.header | header)}.{forger.claims_text}"
        signature = from_base64url(forger.resigned().split(".")[2])
        assert is_rejected(service, f"{text}.{base64url(signature)}")


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
def test_changed_claims_invalidate_the_signature(service: httpx.Client, forger: JwtForger, changes: Json) -> None:
    assert is_rejected(service, forger.with_claims(**changes))
    assert is_rejected(service, forger.resigned(**changes))


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
def test_an_empty_signature_is_rejected(service: httpx.Client, forger: JwtForger, signature: bytes) -> None:
    """A signature of zeroes once was valid for everything (CVE-2022-21449)."""
    assert is_rejected(service, forger.with_header({}, signature=signature))


def test_a_signature_with_one_changed_bit_is_rejected(service: httpx.Client, forger: JwtForger) -> None:
    signature = bytearray(from_base64url(forger.signature))
    signature[20] ^= 1
    assert is_rejected(service, f"{forger.header_text}.{forger.claims_text}.{base64url(bytes(signature))}")
    assert is_rejected(service, f"{forger.header_text}.{forger.claims_text}.{base64url(bytes(signature) + b'x')}")


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
def test_a_malformed_jwt_is_rejected(service: httpx.Client, forger: JwtForger, shape: str) -> None:
    malformed = shape.format(h=forger.header_text, c=forger.claims_text, s=forger.signature)
    response = service.get(PROFILE, headers={"authorization": f"Bearer {malformed}".strip()})
    assert response.status_code == 401


@pytest.mark.parametrize(
    "header_text",
    [
        base64url(b'{"alg":"none","alg":"ES256"}'),
        base64url(b'{"alg":"ES256"'),
        base64url(b"[]"),
        base64url(b"null"),
        base64url(b"\xff\xfe"),
        base64url(b"[" * 3000),
        "not base64!",
        "=",
    ],
)
def test_a_header_that_is_not_an_object_is_rejected(
    service: httpx.Client, forger: JwtForger, header_text: str
) -> None:
    assert is_rejected(service, f"{header_text}.{forger.claims_text}.{forger.signature}")


def test_an_unsupported_critical_header_is_rejected(service: httpx.Client, forger: JwtForger) -> None:
    assert is_rejected(
        service, forger.with_header({"crit": ["exp"], "b64": False}, signature=from_base64url(forger.signature))
    )


def test_two_authorization_headers_do_not_select_an_identity(service: httpx.Client, forger: JwtForger) -> None:
    forged = forger.with_claims(sub="usr_00000000000000000000000000000000")
    for first, second in ((forger.valid, forged), (forged, forger.valid)):
        headers = [("authorization", f"Bearer {first}"), ("authorization", f"Bearer {second}")]
        response = service.get(PROFILE, headers=headers)
        assert response.status_code in (400, 401) or response.json()["id"] == forger.claims["sub"]


@pytest.fixture(scope="module")
def signing_key(platform: RunningPlatform) -> ECKey:
    """The signing key of the platform, for claims that auth would never sign."""
    (file,) = (platform.layout.secrets_dir / "signing-keys").glob("*.pem")
    return ECKey.import_key(file.read_text(), {"alg": "ES256", "use": "sig"})


def test_a_jwt_that_is_signed_with_the_platform_key_is_valid(
    service: httpx.Client, forger: JwtForger, signing_key: ECKey
) -> None:
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
def test_a_correctly_signed_jwt_with_invalid_claims_is_rejected(
    service: httpx.Client, forger: JwtForger, signing_key: ECKey, changes: Json
) -> None:
    claims = {name: value for name, value in (forger.claims | changes).items() if value is not None}
    signed = jws.serialize_compact(forger.header, json.dumps(claims), signing_key, algorithms=["ES256"])
    assert is_rejected(service, signed)


def test_the_gateways_accept_no_jwt(
    external: UnthrottledGateway, internal: UnthrottledGateway, forger: JwtForger
) -> None:
    """JWTs are used between gateway and services only."""
    for gateway in (external, internal):
        with gateway.client(token=forger.valid) as client:
            assert client.get("/auth/v1/session").status_code == 401


def test_the_jwt_of_a_customer_gives_no_access_to_staff_operations(
    platform: RunningPlatform, forger: JwtForger
) -> None:
    paths = {
        "admin": "/admin/v1/settings",
        "shopping": "/shopping/v1/inventory",
        "locker": "/locker/v1/boxes",
        "customer": "/customer/v1/monitored-buying-orders",
    }
    with direct_client(platform.ca_file) as client:
        for name, path in paths.items():
            url = f"{platform.layout.service_url(name)}{path}"
            assert client.get(url, headers={"authorization": f"Bearer {forger.valid}"}).status_code == 403
