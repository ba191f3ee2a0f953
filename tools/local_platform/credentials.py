"""The platform's own certificate authority, certificates and secrets, made on first use under the run directory.

Everything is readable by its owner only. Delete `.run/secrets` to have all of it made anew (sessions then end).
"""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tools.local_platform.errors import DamagedFile
from tools.local_platform.layout import Layout
from tools.project import SERVICES

CA_DAYS = 3650
CERTIFICATE_DAYS = 397
RENEW_BEFORE = timedelta(days=30)
NAMES = ("localhost", "api.reclothes.example", "internal.reclothes.example")
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
    """What the processes are given."""

    client_secrets: dict[str, str]
    stripe_api_key: str
    stripe_publishable_key: str
    stripe_webhook_secret: str
    locker_code_secret: str


def ensure(layout: Layout) -> Credentials:
    """Make what is missing, renew certificates that end soon or are damaged, and read the rest.

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
    kept = _read(path) if path.exists() else {}
    document = new | kept
    if not _has_shape(document, new):
        raise DamagedFile(
            f"{path} is damaged. Restore it, or delete it: the next start makes new secrets, and the door codes "
            "that have been issued stop working."
        )
    if document != kept:
        _write_private(path, json.dumps(document, indent=1).encode())
    return document


def _read(path: Path) -> dict[str, Any]:
    """The object in a JSON file; one that has no valid shape when the file is damaged."""
    try:
        document = json.loads(path.read_text())
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {"damaged": True}


def _has_shape(value: Any, expected: Any) -> bool:
    """Whether a document has the keys of another, and a text wherever that has one."""
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
                f"{path} is damaged. Restore it, or delete it: the next start makes a new key, and what was signed "
                "with the old one (sessions or door grants) ends."
            )
    if not any(folder.glob("*.pem")):
        key = ec.generate_private_key(ec.SECP256R1())
        _write_private(folder / f"{secrets.token_hex(8)}.pem", _key_pem(key))


def _ensure_certificates(layout: Layout) -> None:
    folder = layout.secrets_dir
    ca_key_file, server_file = folder / "ca-key.pem", folder / "server.pem"
    if not _are_usable(layout.ca_file, ca_key_file):
        key, certificate = _make_ca()
        _write_private(ca_key_file, _key_pem(key))
        _write_private(layout.ca_file, certificate.public_bytes(serialization.Encoding.PEM))
        server_file.unlink(missing_ok=True)
    if not (_are_usable(server_file, folder / "server-key.pem") and _is_issued_by(server_file, layout.ca_file)):
        _make_server_certificate(layout, ca_key_file)


def _are_usable(certificate_file: Path, key_file: Path) -> bool:
    """Whether both files are readable, belong together, and the certificate does not end soon."""
    certificate, key = _certificate(certificate_file), _private_key(key_file)
    if certificate is None or key is None:
        return False
    lasts = certificate.not_valid_after_utc - datetime.now(UTC) > RENEW_BEFORE
    return lasts and certificate.public_key() == key.public_key()


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
    """The certificate in a file; None when there is none or it is damaged."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _private_key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    """The key in a file; None when there is none or it is damaged."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _make_ca() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ReClothes local CA")])
    builder = _builder(name, name, key.public_key(), CA_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return key, builder.add_extension(own, critical=False).sign(key, hashes.SHA256())


def _make_server_certificate(layout: Layout, ca_key_file: Path) -> None:
    ca, ca_key = _certificate(layout.ca_file), _private_key(ca_key_file)
    assert ca is not None
    assert ca_key is not None
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    addresses = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    alternative = x509.SubjectAlternativeName([*map(x509.DNSName, NAMES), *addresses])
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    certificate = (
        _builder(name, ca.subject, key.public_key(), CERTIFICATE_DAYS)
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(signer, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write_private(layout.secrets_dir / "server-key.pem", _key_pem(key))
    _write_private(layout.secrets_dir / "server.pem", certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, all of it or nothing."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
