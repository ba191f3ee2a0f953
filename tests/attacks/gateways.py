"""Additional gateways for a running platform, without throttles, for tests that send many requests."""

from __future__ import annotations

import itertools
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.platform import RunningPlatform
from tests.support.servers import free_port
from tools.gateway.build import CONFIG_DIR, GatewayName, envoy_command, write_envoy_config
from tools.gateway.config import SCHEMA_FILE
from tools.gateway.inputs import EnvoyInputs
from tools.local_platform.layout import HOST
from tools.project import CONTRACTS, SERVICES

UNLIMITED = {"requests_per_second": 10_000, "burst": 100_000}
_NOT_CONTRACTS = shutil.ignore_patterns("node_modules", "*.json")
_addresses = itertools.count(1)


def unused_address() -> str:
    """A loopback address that no test has used yet."""
    number = next(_addresses)
    return f"127.77.{number // 250}.{number % 250 + 1}"


def direct_client(ca_file: Path, base_url: str = "") -> httpx.Client:
    """A client that sends requests to a service at its own port, without a gateway."""
    return httpx.Client(base_url=base_url, verify=ssl.create_default_context(cafile=str(ca_file)), timeout=30)


@dataclass(frozen=True)
class UnthrottledGateway:
    """A gateway without throttles, for requests by a client library or as bytes."""

    name: str
    port: int
    ca_file: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def client(self, *, token: str | None = None, address: str | None = None, http2: bool = False) -> httpx.Client:
        """A client that connects from `address`, a loopback address."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        context = ssl.create_default_context(cafile=str(self.ca_file))
        transport = httpx.HTTPTransport(verify=context, local_address=address or HOST, http2=http2)
        return httpx.Client(
            base_url=f"https://{HOST}:{self.port}", transport=transport, headers=headers, timeout=30
        )

    def send_raw(self, request: bytes, *, responses: int = 1) -> bytes:
        """Send bytes; return what is received until the gateway disconnects or `responses` heads have arrived."""
        plain = socket.create_connection((HOST, self.port), timeout=5)
        context = ssl.create_default_context(cafile=str(self.ca_file))
        received = b""
        with context.wrap_socket(plain, server_hostname=HOST) as connection:
            connection.sendall(request)
            try:
                while received.count(b"HTTP/1.1 ") < responses or b"\r\n\r\n" not in received:
                    chunk = connection.recv(65536)
                    if not chunk:
                        break
                    received += chunk
            except TimeoutError:
                pass
        return received


@dataclass(frozen=True)
class ExtraService:
    """A service of a test besides those of the platform, with its operations as in gateway-config."""

    name: str
    port: int
    contract: Path
    operations: Mapping[str, Mapping[str, Any]]


@contextmanager
def without_throttles(
    platform: RunningPlatform, name: GatewayName, folder: Path, extra: ExtraService | None = None
) -> Iterator[UnthrottledGateway]:
    """Run the gateway `name` in front of the services of `platform`, configured as usual but without throttles."""
    folder.mkdir()
    document = yaml.safe_load((CONFIG_DIR / f"{name}.yaml").read_text())
    document["throttles"] = {
        throttle: dict.fromkeys(rates, UNLIMITED) for throttle, rates in document["throttles"].items()
    }
    contracts_dir = CONTRACTS
    if extra is not None:
        document["operations"] |= extra.operations
        contracts_dir = shutil.copytree(CONTRACTS, folder / "openapi", ignore=_NOT_CONTRACTS)
        shutil.copy(extra.contract, contracts_dir / f"{extra.name}.yaml")
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(document))
    shutil.copy(CONFIG_DIR / SCHEMA_FILE, folder)
    layout, admin = platform.layout, free_port()
    gateway = UnthrottledGateway(name, free_port(), layout.ca_file)
    inputs = EnvoyInputs(
        listen=(HOST, gateway.port),
        tls_cert=layout.secrets_dir / "server.pem",
        tls_key=layout.secrets_dir / "server-key.pem",
        ca_file=layout.ca_file,
        upstreams={service: (HOST, layout.port(service)) for service in SERVICES}
        | ({extra.name: (HOST, extra.port)} if extra else {}),
        jwt_issuer=layout.gateway_url("external"),
        admin=admin,
        access_log=folder / "access.log",
    )
    config = folder / "envoy.json"
    write_envoy_config(name, config, inputs, config_dir=folder, contracts_dir=contracts_dir)
    with (folder / "envoy.log").open("w") as log:
        process = subprocess.Popen(envoy_command(config), stdout=log, stderr=log)
        try:
            _wait_until_ready(process, f"http://{HOST}:{admin}/ready")
            yield gateway
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, "Envoy ended"
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError("Envoy was not ready in 20 s")
