"""The keys that sign JWTs: EC P-256 PEM files in a folder, all of them published as a JWKS.

To rotate, add a new file, and remove the old one when everything that it signed has expired. A new key is published
some minutes before it signs, because gateways read the JWKS only from time to time and reject unknown keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from libs.chassis import clock, logs
from libs.chassis.runtime import per_process
from libs.chassis.settings import SettingsError
from services.auth.settings import auth_settings

PUBLISHED_BEFORE_SIGNING_SECONDS = 180  # three times as long as a gateway caches the JWKS


@dataclass(frozen=True)
class SigningKeys:
    """The key that signs new JWTs, and all keys that verify."""

    signing_key: ECKey
    all_keys: tuple[ECKey, ...]

    def public_set(self) -> dict[str, list[dict[str, str]]]:
        """Return the JWKS (RFC 7517), without private parts."""
        return KeySet(list(self.all_keys)).as_dict(private=False)  # type: ignore[return-value]


def load_signing_keys() -> SigningKeys:
    """Return the keys in the folder; files that have changed are read again.

    Raises:
        SettingsError: the folder has no usable key.
    """
    folder = auth_settings().signing_keys_dir
    files = sorted((path.stat().st_mtime_ns, path.name) for path in folder.glob("*.pem"))
    keys = _read(tuple(files), folder)
    if not keys:
        raise SettingsError(f"there is no EC P-256 key (*.pem) in AUTH_SIGNING_KEYS_DIR={folder}")
    published_before = clock.now().timestamp() - PUBLISHED_BEFORE_SIGNING_SECONDS
    published = [key for written_at, key in keys if written_at / 1e9 <= published_before]
    # When all keys are new, as on the first start, the oldest one signs.
    return SigningKeys(published[-1] if published else keys[0][1], tuple(key for _, key in keys))


@per_process
def _read(files: tuple[tuple[int, str], ...], folder: Path) -> list[tuple[int, ECKey]]:
    """Return the keys with the modification times of their files, oldest first."""
    return [(written_at, key) for written_at, name in files for key in _import_key(folder / name)]


def _import_key(path: Path) -> Iterator[ECKey]:
    """Yield the key in the file; a malformed file is logged and skipped, so that it does not affect the others."""
    try:
        key = ECKey.import_key(path.read_text(), {"use": "sig", "alg": "ES256"})
        if key.curve_name != "P-256":
            raise ValueError(f"its curve is {key.curve_name}, not P-256")
    except (OSError, ValueError, JoseError) as error:
        logs.get_logger(__name__).error("signing key skipped", file=path.name, reason=str(error))
        return
    key.ensure_kid()
    yield key
