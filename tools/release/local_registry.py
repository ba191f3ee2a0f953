"""A registry of images on this machine (Debian's docker-registry): it stands in for ECR in `make pipeline`."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tools.release.project import ReleaseError

HOST = "127.0.0.1"
START_SECONDS = 20


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Serve `folder` as a registry as long as the context lasts; gives host:port."""
    program = shutil.which("docker-registry")
    if program is None:
        raise ReleaseError("docker-registry is not there; `apt-get install docker-registry`, or give REGISTRY=…")
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    settings = folder / "config.yml"
    settings.write_text(
        yaml.safe_dump(
            {
                "version": 0.1,
                "log": {"level": "warn"},
                "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
                "http": {"addr": f"{HOST}:{port}"},
            }
        )
    )
    with (folder / "registry.log").open("w") as log:
        process = subprocess.Popen([program, "serve", str(settings)], stdout=log, stderr=log)
        try:
            _wait(process, port, folder / "registry.log")
            yield f"{HOST}:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ReleaseError(f"the registry did not start:\n{log.read_text()[-800:]}") from None
        time.sleep(0.1)
