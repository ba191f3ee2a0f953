"""The environment of one gateway process: addresses, certificates and the access log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STDOUT = "stdout"


@dataclass(frozen=True)
class EnvoyInputs:
    """Where a gateway listens and which servers it calls.

    `listen` is a host and a port, or a unix socket on which the connection limiter states each client's address in
    a PROXY protocol header. `upstreams` maps each service of the contracts to its host and port; the service's
    certificate must be issued by `ca_file` and name that host. `admin` is a unix socket, or a port on the loopback
    address. `access_log` is a file, or "stdout". `trusted_hops` is the number of our own HTTP proxies in front of
    the gateway: each sets or extends X-Forwarded-For, from which the client's address is then read. If it is not
    0, only these proxies may be able to reach the listener.
    """

    listen: tuple[str, int] | Path
    tls_cert: Path
    tls_key: Path
    ca_file: Path
    upstreams: Mapping[str, tuple[str, int]]
    jwt_issuer: str
    admin: Path | int
    access_log: Path | str = STDOUT
    jwt_audience: str = "reclothes"
    trusted_hops: int = 0
