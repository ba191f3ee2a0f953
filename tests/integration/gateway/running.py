"""A real Envoy in front of the stubs, started from a generated configuration."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import httpx
import trustme

from tests.integration.gateway.stubs import ISSUER
from tests.unit.gateway.example import Example
from tools.gateway import connection_limiter
from tools.gateway.build import envoy_command, read_gateway, write_envoy_config
from tools.gateway.connection_limiter import LimitedGateway
from tools.gateway.inputs import EnvoyInputs
from tools.local_platform.ports import free_port


@dataclass(frozen=True)
class Certificates:
    """The files of an authority and a certificate for the names of this machine."""

    ca_file: Path
    cert: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, *names: str) -> Certificates:
        folder.mkdir(exist_ok=True)
        authority = trustme.CA()
        issued = authority.issue_cert(*(names or ("localhost", "127.0.0.1")))
        made = cls(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
        authority.cert_pem.write_to_path(made.ca_file)
        issued.private_key_pem.write_to_path(made.key)
        made.cert.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        return made

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)


def _events(speaker: h2.connection.H2Connection, connection: ssl.SSLSocket) -> Iterator[h2.events.Event]:
    """Yield events until the other side ends the stream or the connection."""
    while received := connection.recv(65536):
        for event in speaker.receive_data(received):
            yield event
            if isinstance(event, h2.events.StreamEnded | h2.events.StreamReset | h2.events.ConnectionTerminated):
                return


class Envoy:
    """One gateway on a free port, ended by `stop()`."""

    def __init__(
        self,
        folder: Path,
        example: Example,
        certificates: Certificates,
        auth_port: int,
        shop_port: int,
        *,
        limited: bool = False,
    ) -> None:
        self.certificates = certificates
        self.port = free_port()
        socket_path = folder / "gateway.sock"
        self.access_log = folder / "access.log"
        inputs = EnvoyInputs(
            listen=socket_path if limited else ("127.0.0.1", self.port),
            tls_cert=certificates.cert,
            tls_key=certificates.key,
            ca_file=certificates.ca_file,
            upstreams={"auth": ("127.0.0.1", auth_port), "shop": ("127.0.0.1", shop_port)},
            jwt_issuer=ISSUER,
            admin=free_port(),
            access_log=self.access_log,
        )
        config = folder / "envoy.json"
        write_envoy_config(
            "external", config, inputs, config_dir=example.config_dir, contracts_dir=example.contracts_dir
        )
        self._log = (folder / "envoy.log").open("w+")
        commands = [envoy_command(config)]
        if limited:
            gateway = read_gateway("external", example.config_dir, example.contracts_dir)
            limiter_config = folder / connection_limiter.CONFIG_FILE
            public = LimitedGateway(gateway, ("127.0.0.1", self.port), socket_path)
            connection_limiter.write_config(limiter_config, [public])
            commands.append(connection_limiter.command(limiter_config, folder))
        self._processes = [subprocess.Popen(each, stdout=self._log, stderr=self._log) for each in commands]
        self.client = self.new_client()
        self._wait(f"http://127.0.0.1:{inputs.admin}/ready")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def new_client(self, *, http2: bool = False) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.certificates.client_context(), http2=http2, timeout=15)

    def raw(self, request: bytes, *, until_closed: bool = False) -> bytes:
        """Send any bytes, and return the beginning of the response."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        with self.certificates.client_context().wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            connection.sendall(request)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
                if not until_closed and b"\r\n\r\n" in received:
                    break
            return received

    def connect(self, *protocols: str) -> ssl.SSLSocket:
        """A connection to write to byte by byte; `protocols` are offered by ALPN."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        context = self.certificates.client_context()
        context.set_alpn_protocols(list(protocols))
        return context.wrap_socket(plain, server_hostname="127.0.0.1")

    def raw_http2(self, headers: list[tuple[str, str]], body: bytes = b"") -> list[h2.events.Event]:
        """What comes back for one HTTP/2 request whose headers are sent as they stand."""
        rules = h2.config.H2Configuration(
            validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding="utf-8"
        )
        speaker = h2.connection.H2Connection(rules)
        with self.connect("h2") as connection:
            speaker.initiate_connection()
            speaker.send_headers(1, headers, end_stream=not body)
            if body:
                speaker.send_data(1, body, end_stream=True)
            connection.sendall(speaker.data_to_send())
            return list(_events(speaker, connection))

    def stop(self) -> None:
        self.client.close()
        for process in self._processes:
            process.terminate()
            process.wait(10)
        self._log.close()

    def _wait(self, ready_url: str) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if any(process.poll() is not None for process in self._processes):
                self._log.seek(0)
                raise RuntimeError(f"Envoy ended: {self._log.read()[-3000:]}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                if httpx.get(ready_url).status_code == 200:
                    return
            except (OSError, httpx.TransportError):
                time.sleep(0.05)
        raise TimeoutError("Envoy was not ready in 20 s")
