"""The layout of one local platform: folders in its run directory, ports and addresses."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tools.local_platform import ports
from tools.local_platform.ports import HOST
from tools.project import SERVICES

GATEWAYS = ("external", "internal")
PORT_OFFSETS = {
    **{service: number for number, service in enumerate(SERVICES, start=1)},
    "valkey": 10,
    "secantus": 11,
    "aws": 12,
    "localstripe": 13,
    "smtp": 14,
    "waf": 15,
    "external-gateway": 16,
}

__all__ = ["GATEWAYS", "HOST", "Layout"]


@dataclass(frozen=True)
class Layout:
    """One platform.

    With a `database_url_template` (with `{service}` in it) or a `redis_url` it uses those servers instead of the
    embedded ones. With `waf` a web application firewall stands in front of the
    external gateway. With `images`, a file that `tools.images` wrote, the services run from the
    root file systems of their images. `environment` is a setting of the services, which validate their responses
    against the contract unless it is `production`.
    """

    run_dir: Path
    port_base: int = 17000
    external_port: int = 8443
    internal_port: int = 9443
    database_url_template: str | None = None
    redis_url: str | None = None
    web_workers: int = 2
    waf: bool = False
    images: str | None = None
    environment: str = "local"

    def port(self, name: str) -> int:
        if name == "external":
            return self.external_port
        if name == "internal":
            return self.internal_port
        return self.port_base + PORT_OFFSETS[name]

    def used_ports(self) -> Iterator[tuple[str, int]]:
        """Yield the name and port of every process that listens, without external servers."""
        for name in (*GATEWAYS, *PORT_OFFSETS):
            if name == "valkey" and self.redis_url is not None:
                continue
            if name in ("waf", "external-gateway") and not self.waf:
                continue
            yield name, self.port(name)

    def gateway_address(self, gateway: str) -> tuple[str, int] | Path:
        """Where a gateway's Envoy listens: a socket for the connection limiter, or a port for the firewall."""
        if gateway == "external" and self.waf:
            return HOST, self.port("external-gateway")
        return self.run_dir / f"{gateway}.sock"

    def gateway_url(self, gateway: str) -> str:
        return f"https://localhost:{self.port(gateway)}"

    def service_url(self, service: str) -> str:
        return f"https://{HOST}:{self.port(service)}"

    @property
    def aws_url(self) -> str:
        return f"http://{HOST}:{self.port('aws')}"

    @property
    def stripe_url(self) -> str:
        return f"http://{HOST}:{self.port('localstripe')}"

    def database_url(self, service: str) -> str:
        if self.database_url_template is not None:
            return self.database_url_template.format(service=service)
        return f"sqlite:///{self.data_dir / 'sqlite' / f'{service}.db'}"

    def redis(self) -> str:
        return self.redis_url or f"redis://{HOST}:{self.port('valkey')}/0"

    @property
    def data_dir(self) -> Path:
        return self.run_dir / "data"

    @property
    def log_dir(self) -> Path:
        return self.run_dir / "logs"

    @property
    def secrets_dir(self) -> Path:
        return self.run_dir / "secrets"

    @property
    def config_dir(self) -> Path:
        return self.run_dir / "config"

    @property
    def waf_dir(self) -> Path:
        """Files of the firewall: its process id, and bodies that are too long for memory."""
        return self.run_dir / "waf"

    @property
    def maildir(self) -> Path:
        return self.run_dir / "mail"

    @property
    def ca_file(self) -> Path:
        return self.secrets_dir / "ca.pem"

    @property
    def control_socket(self) -> Path:
        return self.run_dir / "supervisor.sock"

    @property
    def lock_file(self) -> Path:
        """Locked by the runner while it runs; contains its process id."""
        return self.run_dir / "lock"

    @property
    def ready_file(self) -> Path:
        """Exists while the platform is up, and after a runner was killed."""
        return self.run_dir / "ready"

    @property
    def prepared_marker(self) -> Path:
        """Exists since every store has its tables: from then on a missing database means lost data."""
        return self.data_dir / "prepared"

    @property
    def demo_marker(self) -> Path:
        return self.data_dir / "demo-data-loaded"

    def heartbeat(self, service: str) -> Path:
        return self.run_dir / "heartbeats" / service

    def make_folders(self) -> None:
        """Create missing folders, and make files private that are not."""
        self.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.secrets_dir, self.log_dir, self.config_dir, self.data_dir, self.run_dir / "heartbeats"):
            folder.mkdir(exist_ok=True, mode=0o700)
            if folder.stat().st_mode & stat.S_IRWXO:
                _make_private(folder)
        for name in ("sqlite", "valkey", "secantus", "aws", "stripe"):
            (self.data_dir / name).mkdir(exist_ok=True, mode=0o700)

    def on_free_ports(self) -> Layout:
        """Return the same layout with ports that are free now, for tests."""
        base = ports.free_range()
        return replace(self, port_base=base, external_port=base + 20, internal_port=base + 21)


def _make_private(folder: Path) -> None:
    """Remove the permissions of the group and of others from a folder and its files."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~(stat.S_IRWXG | stat.S_IRWXO))
