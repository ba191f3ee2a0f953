"""Real servers for tests, each on a free port with a folder of its own, and gone afterwards."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
import pytest
import redis

from tools.local_platform import waf_packages
from tools.local_platform.ports import HOST, free_port
from tools.local_platform.processes import valkey_binary
from tools.local_platform.real_servers import are_required, program

BIN = Path(sys.executable).parent


def need(name: str, package: str) -> str:
    """The program, or a skip that says what is missing; a failure where the real servers are required."""
    found = program(name)
    if found is None:
        reason = f"{name} is not installed (Debian: {package})"
        if are_required():
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def have_waf() -> bool:
    """Whether Debian's packages for the firewall are here or can be fetched; a failure where they are required."""
    try:
        waf_packages.ensure()
    except waf_packages.FirewallUnavailable as reason:
        if are_required():
            pytest.fail(str(reason))
        return False
    return True


@contextmanager
def _running(
    command: list[str], ready: Callable[[], object], environment: dict[str, str] | None = None
) -> Iterator[None]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            _wait(command[0], process, ready)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(name: str, process: subprocess.Popen[bytes], ready: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            ready()
            return
        except Exception as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not start: {error}") from error
            time.sleep(0.05)


def _accepts(port: int) -> Callable[[], object]:
    def connect() -> None:
        socket.create_connection((HOST, port), timeout=1).close()

    return connect


@contextmanager
def redis_protocol(binary: str) -> Iterator[str]:
    """A Redis or Valkey server; its URL."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [binary, "--port", str(port), "--bind", HOST, "--dir", folder, "--save", "", "--appendonly", "no"]
        with _running(command, redis.Redis(port=port).ping):
            yield f"redis://{HOST}:{port}/0"


def valkey() -> str:
    return str(valkey_binary())


@contextmanager
def mariadb() -> Iterator[str]:
    """A MariaDB server, quick rather than durable; the URL of its root user, without a database."""
    server = need("mariadbd", "mariadb-server")
    install = need("mariadb-install-db", "mariadb-server")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        user = ["--user=root"] if os.geteuid() == 0 else []
        options = [f"--datadir={data}", *user]
        made = [install, *options, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(made, check=True, capture_output=True)
        command = [server, "--no-defaults", *options, f"--port={port}", f"--bind-address={HOST}"]
        command += [f"--socket={folder}/socket", f"--pid-file={folder}/pid", "--skip-name-resolve"]
        command += ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--skip-log-bin"]

        def ready() -> None:
            pymysql.connect(host=HOST, port=port, user="root").close()

        with _running(command, ready):
            yield f"mysql+pymysql://root@{HOST}:{port}"


def make_database(server_url: str, name: str) -> str:
    """An empty database on the server; its URL."""
    port = int(server_url.rpartition(":")[2])
    with pymysql.connect(host=HOST, port=port, user="root", autocommit=True) as connection:
        connection.cursor().execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
    return f"{server_url}/{name}"


@contextmanager
def secantus() -> Iterator[str]:
    """A server of documents; its URL without a database."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [str(BIN / "secantusd-py"), "--host", HOST, "--port", str(port), "--storage-path", folder]
        with _running([*command, "--standalone", "--cache-size", "64M"], _accepts(port)):
            yield f"mongodb://{HOST}:{port}"


@contextmanager
def aws_emulator() -> Iterator[str]:
    """SQS, SNS and S3; the endpoint's URL."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": HOST,
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": "eu-central-1",
            "STATE_DIR": folder,
            "S3_DATA_DIR": folder,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
        }
        with _running([str(BIN / "ministack")], _accepts(port), environment):
            yield f"http://{HOST}:{port}"


@contextmanager
def localstripe(webhook_secret: str = "whsec_test") -> Iterator[str]:
    """The stand-in for the card payment provider; its URL. Its webhooks go nowhere."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "LOCALSTRIPE_STATE_FILE": f"{folder}/state",
            "LOCALSTRIPE_WEBHOOK_URL": f"http://{HOST}:9/nowhere",
            "LOCALSTRIPE_WEBHOOK_SECRET": webhook_secret,
        }
        command = [sys.executable, "-m", "tools.local_platform.localstripe_launcher", "--port", str(port)]
        with _running(command, _accepts(port), environment):
            yield f"http://{HOST}:{port}"
