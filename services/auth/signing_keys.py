"""The keys that sign JWTs: EC P-256 PEM files in a folder, all of them published as JWKS.

To rotate, put a new file in, and take the old one away when nothing that it signed is valid any more. A new key is
published first and signs some minutes later: gateways read the JWKS from time to time only, and would refuse what
a key signed that they do not know yet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from libs.chassis import clock, logs
from libs.chassis.settings import SettingsError
from services.auth.settings import auth_settings

PUBLISHED_FIRST_SECONDS = 180  # three times as long as a gateway keeps the JWKS


@dataclass(frozen=True)
class SigningKeys:
    """The key that signs, and all that verify."""

    signing: ECKey
    every: tuple[ECKey, ...]

    def public_set(self) -> dict[str, list[dict[str, str]]]:
        """The JWKS (RFC 7517), without private parts."""
        return KeySet(list(self.every)).as_dict(private=False)  # type: ignore[return-value]


def signing_keys() -> SigningKeys:
    """The keys in the folder now; read again when a file changed. SettingsError when there is none."""
    folder = auth_settings().signing_keys_dir
    files = sorted((path.stat().st_mtime_ns, path.name) for path in folder.glob("*.pem"))
    keys = _read(tuple(files), folder)
    if not keys:
        raise SettingsError(f"there is no EC P-256 key (*.pem) in AUTH_SIGNING_KEYS_DIR={folder}")
    known_since = clock.now().timestamp() - PUBLISHED_FIRST_SECONDS
    known = [key for written_at, key in keys if written_at / 1e9 <= known_since]
    # While all are new, the first one signs: at the very start there is no other.
    return SigningKeys(known[-1] if known else keys[0][1], tuple(key for _, key in keys))


@lru_cache(maxsize=4)
def _read(files: tuple[tuple[int, str], ...], folder: Path) -> list[tuple[int, ECKey]]:
    """The keys with the times their files were written, oldest first."""
    return [(written_at, key) for written_at, name in files for key in _keys_in(folder / name)]


def _keys_in(path: Path) -> Iterator[ECKey]:
    """The key in the file. A file that is broken must not stop the others: it is left out, and the log says so."""
    try:
        key = ECKey.import_key(path.read_text(), {"use": "sig", "alg": "ES256"})
        if key.curve_name != "P-256":
            raise ValueError(f"its curve is {key.curve_name}, not P-256")
    except (OSError, ValueError, JoseError) as error:
        logs.get_logger(__name__).error("signing key left out", file=path.name, reason=str(error))
        return
    key.ensure_kid()
    yield key


def make_key(folder: Path) -> Path:
    """A new key in the folder, readable by its owner only; its name sorts after those of older keys."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ECKey.generate_key("P-256")
    path = folder / f"{clock.now():%Y%m%dT%H%M%S%f}-{key.thumbprint()[:8]}.pem"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.as_pem(private=True))
    return path
