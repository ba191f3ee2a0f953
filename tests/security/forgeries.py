"""JWTs that somebody made or changed by hand: each claims every scope there is, and has one thing wrong."""

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
LONG_AGO_SECONDS = 3600


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(_decode(token.split(".")[1]))
    return claims


@dataclass(frozen=True)
class Forger:
    """Holds a real JWT, the platform's own signing key (which nobody outside has), and every scope."""

    real: str
    key_file: Path
    every_scope: frozenset[str]

    @property
    def greedy(self) -> dict[str, Any]:
        """The claims of the real JWT, but with every scope."""
        return claims_of(self.real) | {"scope": " ".join(sorted(self.every_scope))}

    def rightly_signed(self, **changes: Any) -> str:
        """With the platform's own key, so that only the claims can be what is wrong."""
        return self._signed(self._own_key, self._header, changes)

    def forgeries(self) -> dict[str, str]:
        """Each of them by what is wrong with it."""
        stranger = ECKey.generate_key("P-256")
        now = int(time.time())
        return {
            "changed payload": self._with_payload(self.greedy),
            "changed signature": self._with_signature(b"\0" * 64),
            "no signature": self._unsigned("none"),
            "no signature, another spelling": self._unsigned("nOnE"),
            "HMAC with the public key": self._by_public_key(),
            "another key": self._signed(stranger, self._header, {}),
            "another key that it brings along": self._signed(
                stranger, {"alg": ALGORITHM, "jwk": stranger.as_dict(private=False)}, {}
            ),
            "another issuer": self.rightly_signed(iss="https://issuer.attacker.example"),
            "no issuer": self.rightly_signed(iss=None),
            "another audience": self.rightly_signed(aud="somebody-else"),
            "no audience": self.rightly_signed(aud=None),
            "expired": self.rightly_signed(iat=now - 2 * LONG_AGO_SECONDS, exp=now - LONG_AGO_SECONDS),
            "no expiry": self.rightly_signed(exp=None),
            "an unknown kind of person": self.rightly_signed(kind="root"),
        }

    @property
    def _own_key(self) -> ECKey:
        return ECKey.import_key(self.key_file.read_text())

    @property
    def _header(self) -> dict[str, Any]:
        header: dict[str, Any] = json.loads(_decode(self.real.split(".")[0]))
        return header

    def _signed(self, key: ECKey, header: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
        claims = {name: value for name, value in (self.greedy | dict(changes)).items() if value is not None}
        return jwt.encode(dict(header), claims, key)

    def _with_payload(self, claims: Mapping[str, Any]) -> str:
        header, _, signature = self.real.split(".")
        return f"{header}.{_encode(json.dumps(claims).encode())}.{signature}"

    def _with_signature(self, signature: bytes) -> str:
        return f"{self.real.rpartition('.')[0]}.{_encode(signature)}"

    def _unsigned(self, algorithm: str) -> str:
        header = json.dumps(self._header | {"alg": algorithm}).encode()
        return f"{_encode(header)}.{_encode(json.dumps(self.greedy).encode())}."

    def _by_public_key(self) -> str:
        """The confusion of keys: a verifier that trusts `alg` takes the public key for a shared secret."""
        private = serialization.load_pem_private_key(self.key_file.read_bytes(), None)
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        secret = OctKey.import_key(base64.urlsafe_b64encode(public).decode(), {"use": "sig"})
        return jwt.encode(self._header | {"alg": "HS256"}, self.greedy, secret)


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
