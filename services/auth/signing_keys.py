"""The keys that sign JWTs: EC P-256 PEM files in a folder. The newest signs, all of them are published.

To rotate: put a new file in, wait until every service has seen it (they ask for the JWKS when they meet an unknown
`kid`), and take the old one away when the last JWT that it signed has expired.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from joserfc.jwk import ECKey, KeySet

from libs.chassis.settings import SettingsError
from services.auth.settings import auth_settings


@dataclass(frozen=True)
class SigningKeys:
    """The key that signs, and all that verify."""

    newest: ECKey
    every: tuple[ECKey, ...]

    def public_set(self) -> dict[str, list[dict[str, str]]]:
        """The JWKS (RFC 7517), without private parts."""
        return KeySet(list(self.every)).as_dict(private=False)  # type: ignore[return-value]


def signing_keys() -> SigningKeys:
    """The keys in the folder now; read again when a file changed. SettingsError when there is none."""
    folder = auth_settings().signing_keys_dir
    return _read(tuple(sorted((path.stat().st_mtime_ns, str(path)) for path in folder.glob("*.pem"))), folder)


@lru_cache(maxsize=4)
def _read(files: tuple[tuple[int, str], ...], folder: Path) -> SigningKeys:
    if not files:
        raise SettingsError(f"there is no signing key (*.pem) in AUTH_SIGNING_KEYS_DIR={folder}")
    keys = []
    for _, path in files:
        key = ECKey.import_key(Path(path).read_text(), {"use": "sig", "alg": "ES256"})
        key.ensure_kid()
        keys.append(key)
    return SigningKeys(keys[-1], tuple(keys))


def make_key(folder: Path) -> Path:
    """A new key in the folder, readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ECKey.generate_key("P-256")
    path = folder / f"{key.thumbprint()}.pem"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.as_pem(private=True))
    return path
