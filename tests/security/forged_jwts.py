"""Forged JWTs: each claims all scopes and has one defect."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

ALGORITHM = "ES256"
HOUR_SECONDS = 3600


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(_decode(token.split(".")[1]))
    return claims


@dataclass(frozen=True)
class JwtForger:
    """Forges JWTs from a valid one, with all scopes and the platform's signing key, which attackers do not have."""

    valid: str
    key_file: Path
    all_scopes: frozenset[str]

    @property
    def claims_with_all_scopes(self) -> dict[str, Any]:
        """The claims of the valid JWT, with all scopes."""
        return claims_of(self.valid) | {"scope": " ".join(sorted(self.all_scopes))}

    def sign_with_platform_key(self, **changes: Any) -> str:
        """Sign with the key of the platform, so that only the claims can be the defect."""
        return self._signed(self._own_key, self._header, changes)

    def forgeries(self) -> dict[str, str]:
        """The forged JWTs by their defect."""
        stranger = ECKey.generate_key("P-256")
        now = int(time.time())
        return {
            "changed payload": self._with_payload(self.claims_with_all_scopes),
            "changed signature": self._with_signature(b"\0" * 64),
            "no signature": self._unsigned("none"),
            "no signature, in another spelling": self._unsigned("nOnE"),
            "HMAC with the public key": self._with_public_key_as_secret(),
            "another key": self._signed(stranger, self._header, {}),
            "another key in its header": self._signed(
                stranger, {"alg": ALGORITHM, "jwk": stranger.as_dict(private=False)}, {}
            ),
            "another issuer": self.sign_with_platform_key(iss="https://issuer.attacker.example"),
            "no issuer": self.sign_with_platform_key(iss=None),
            "another audience": self.sign_with_platform_key(aud="somebody-else"),
            "no audience": self.sign_with_platform_key(aud=None),
            "expired": self.sign_with_platform_key(iat=now - 2 * HOUR_SECONDS, exp=now - HOUR_SECONDS),
            "no expiry": self.sign_with_platform_key(exp=None),
            "an unknown kind of user": self.sign_with_platform_key(kind="root"),
        }

    @property
    def _own_key(self) -> ECKey:
        return ECKey.import_key(self.key_file.read_text())

    @property
    def _header(self) -> dict[str, Any]:
        header: dict[str, Any] = json.loads(_decode(self.valid.split(".")[0]))
        return header

    def _signed(self, key: ECKey, header: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
        claims = {
            name: value
            for name, value in (self.claims_with_all_scopes | dict(changes)).items()
            if value is not None
        }
        return jwt.encode(dict(header), claims, key)

    def _with_payload(self, claims: Mapping[str, Any]) -> str:
        header, _, signature = self.valid.split(".")
        return f"{header}.{_encode(json.dumps(claims).encode())}.{signature}"

    def _with_signature(self, signature: bytes) -> str:
        return f"{self.valid.rpartition('.')[0]}.{_encode(signature)}"

    def _unsigned(self, algorithm: str) -> str:
        header = json.dumps(self._header | {"alg": algorithm}).encode()
        return f"{_encode(header)}.{_encode(json.dumps(self.claims_with_all_scopes).encode())}."

    def _with_public_key_as_secret(self) -> str:
        """Algorithm confusion: a verifier that trusts `alg` uses the public key as a shared secret."""
        private = serialization.load_pem_private_key(self.key_file.read_bytes(), None)
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        secret = OctKey.import_key(base64.urlsafe_b64encode(public).decode(), {"use": "sig"})
        return jwt.encode(self._header | {"alg": "HS256"}, self.claims_with_all_scopes, secret)


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
