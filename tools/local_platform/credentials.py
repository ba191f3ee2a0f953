"""The certificates and secrets of a local platform, created on the first start in its run directory.

The files are readable by their owner only. Delete `.run/secrets` to get new ones, which ends all sessions.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tools.local_platform.errors import DamagedFile
from tools.local_platform.layout import Layout
from tools.project import SERVICES

CERTIFICATE_DAYS = 397
RENEW_BEFORE = timedelta(days=30)
CERTIFICATE_NAMES = ("localhost", "api.reclothes.example", "internal.reclothes.example", "127.0.0.1")
SCOPES_OF_SERVICES: dict[str, list[str]] = {
    "customer": [
        *("admin:work-stops", "locker:holds", "shopping:holds", "shopping:return-claims"),
        *("admin:states", "billing:states", "locker:states", "shopping:states"),
    ],
    "billing": ["customer:buying-orders:monitor", "shopping:states"],
    "shopping": ["customer:states"],
    "locker": ["admin:states", "customer:states"],
    "admin": ["billing:currencies", "customer:states", "shopping:currencies"],
}


@dataclass(frozen=True)
class Credentials:
    """The secrets that processes get in their settings."""

    client_secrets: dict[str, str]
    stripe_api_key: str
    stripe_publishable_key: str
    stripe_webhook_secret: str
    locker_code_secret: str


def ensure(layout: Layout) -> Credentials:
    """Create what is missing, renew certificates that expire soon or are damaged, and read the rest.

    Raises:
        DamagedFile: a secret that stored data depends on is empty or unreadable.
    """
    layout.make_folders()
    _ensure_certificates(layout)
    _ensure_signing_key(layout.secrets_dir / "signing-keys")
    _ensure_signing_key(layout.secrets_dir / "grant-keys")
    document = _ensure_secrets(layout.secrets_dir / "secrets.json")
    clients = {
        name: {"secret": secret, "scopes": SCOPES_OF_SERVICES.get(name, [])}
        for name, secret in document["client_secrets"].items()
    }
    _write_private(layout.secrets_dir / "service-clients.json", json.dumps(clients).encode())
    return Credentials(**document)


def _ensure_secrets(path: Path) -> dict[str, Any]:
    new = _new_secrets()
    stored = _read(path) if path.exists() else {}
    document = new | stored
    if not _has_shape(document, new):
        raise DamagedFile(
            f"{path} is damaged. Restore it, or delete it: the next start creates new secrets, and the door codes "
            "that have been issued stop working."
        )
    if document != stored:
        _write_private(path, json.dumps(document, indent=1).encode())
    return document


def _read(path: Path) -> dict[str, Any]:
    """Read the object in a JSON file; the result has an invalid shape when the file is damaged."""
    try:
        document = json.loads(path.read_text())
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {"damaged": True}


def _has_shape(value: Any, expected: Any) -> bool:
    """Whether a document has the same keys as another, and a text wherever the other has one."""
    if isinstance(expected, dict):
        return (
            isinstance(value, dict)
            and value.keys() == expected.keys()
            and all(_has_shape(value[key], expected[key]) for key in expected)
        )
    return isinstance(value, str) and bool(value)


def _new_secrets() -> dict[str, Any]:
    return {
        "client_secrets": {service: secrets.token_urlsafe(32) for service in SERVICES},
        "stripe_api_key": "sk_test_" + secrets.token_hex(16),
        "stripe_publishable_key": "pk_test_" + secrets.token_hex(16),
        "stripe_webhook_secret": "whsec_" + secrets.token_hex(24),
        "locker_code_secret": secrets.token_urlsafe(32),
    }


def _ensure_signing_key(folder: Path) -> None:
    folder.mkdir(exist_ok=True, mode=0o700)
    for path in folder.glob("*.pem"):
        if _private_key(path) is None:
            raise DamagedFile(
                f"{path} is damaged. Restore it, or delete it: the next start creates a new key, and sessions or "
                "door grants that were signed with the old one end."
            )
    if not any(folder.glob("*.pem")):
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write_private(folder / f"{secrets.token_hex(8)}.pem", pem)


def _ensure_certificates(layout: Layout) -> None:
    folder = layout.secrets_dir
    ca_key, server, server_key = (folder / name for name in ("ca-key.pem", "server.pem", "server-key.pem"))
    if not _is_valid_pair(layout.ca_file, ca_key):
        authority = trustme.CA(organization_name="ReClothes", organization_unit_name="local CA")
        _write_private(ca_key, authority.private_key_pem.bytes())
        _write_private(layout.ca_file, authority.cert_pem.bytes())
        server.unlink(missing_ok=True)
    if not (_is_valid_pair(server, server_key) and _is_issued_by(server, layout.ca_file)):
        authority = trustme.CA.from_pem(layout.ca_file.read_bytes(), ca_key.read_bytes())
        expiry = datetime.now(UTC) + timedelta(days=CERTIFICATE_DAYS)
        issued = authority.issue_cert(*CERTIFICATE_NAMES, common_name="localhost", not_after=expiry)
        _write_private(server_key, issued.private_key_pem.bytes())
        _write_private(server, b"".join(pem.bytes() for pem in issued.cert_chain_pems))


def _is_valid_pair(certificate_file: Path, key_file: Path) -> bool:
    """Whether both files are readable, belong together, and the certificate does not expire soon."""
    certificate, key = _certificate(certificate_file), _private_key(key_file)
    if certificate is None or key is None:
        return False
    is_valid = certificate.not_valid_after_utc - datetime.now(UTC) > RENEW_BEFORE
    return is_valid and certificate.public_key() == key.public_key()


def _is_issued_by(certificate_file: Path, ca_file: Path) -> bool:
    certificate, ca = _certificate(certificate_file), _certificate(ca_file)
    if certificate is None or ca is None:
        return False
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _certificate(path: Path) -> x509.Certificate | None:
    """Return the certificate in a file; None when it is missing or damaged."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _private_key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    """Return the key in a file; None when it is missing or damaged."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _write_private(path: Path, content: bytes) -> None:
    """Write a file atomically that only its owner can read."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
