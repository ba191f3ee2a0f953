"""What the surroundings tell the builder: addresses, certificates and where to log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STDOUT = "stdout"


@dataclass(frozen=True)
class EnvoyInputs:
    """Where a gateway listens and whom it speaks to.

    `upstreams` maps each service of the contracts to its host and port; the certificate that a service shows must
    come from `ca_file` and name that host. `admin` is the path of a unix socket, or a port on the loopback address.
    `access_log` is a file, or "stdout". `trusted_hops` is how many proxies of ours stand before the gateway: each
    has set or appended to X-Forwarded-For, and the client's address is read from there. Where it is not 0, nobody
    but these proxies may reach the listener.
    """

    listen_host: str
    listen_port: int
    tls_cert: Path
    tls_key: Path
    ca_file: Path
    upstreams: Mapping[str, tuple[str, int]]
    jwt_issuer: str
    admin: Path | int
    access_log: Path | str = STDOUT
    jwt_audience: str = "reclothes"
    trusted_hops: int = 0
