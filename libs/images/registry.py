"""A registry on this machine, which takes a push as ECR would: Debian's docker-registry on a loopback port."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from libs.images.build import name_of
from libs.images.tools import CannotBuild, buildah
from libs.runner.debian import program
from libs.runner.layout import HOST, port_is_free

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
START_SECONDS = 15


@dataclass(frozen=True)
class Pushed:
    """An image in a registry. `bytes` is what a pull transfers."""

    reference: str
    digest: str
    bytes: int

    @property
    def by_digest(self) -> str:
        return f"{self.reference.rpartition(':')[0]}@{self.digest}"


def push(service: str, registry: str, tag: str) -> Pushed:
    """Push the image that was built last; credentials are those of `buildah login`."""
    reference = f"{registry}/reclothes/{service}:{tag}"
    secure = f"--tls-verify={'false' if registry.startswith((HOST, 'localhost')) else 'true'}"
    buildah("push", "--quiet", secure, "--format", "v2s2", name_of(service), f"docker://{reference}")
    return look(reference) if secure.endswith("false") else Pushed(reference, "", 0)


def look(reference: str) -> Pushed:
    """What the local registry has by this name."""
    host, path, tag = (
        reference.partition("/")[0],
        reference.partition("/")[2].rpartition(":")[0],
        reference.rpartition(":")[2],
    )
    request = urllib.request.Request(f"http://{host}/v2/{path}/manifests/{tag}", headers={"Accept": MANIFEST})
    with urllib.request.urlopen(request, timeout=5) as answer:
        digest, manifest = answer.headers["Docker-Content-Digest"], json.load(answer)
    return Pushed(reference, digest, sum(layer["size"] for layer in manifest["layers"]))


def pull(pushed: Pushed) -> None:
    buildah("pull", "--quiet", "--policy", "always", "--tls-verify=false", f"docker://{pushed.by_digest}")


@contextmanager
def running(folder: Path, port: int) -> Iterator[str]:
    """A registry that keeps its images in `folder`; its host and port. It ends with the block."""
    if not port_is_free(port):
        raise CannotBuild(f"Port {port}, meant for the local registry, is in use; choose another one.")
    command = [program("docker-registry") or "docker-registry", "serve", str(_write_config(folder, port))]
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            _wait(process, port, folder / "registry.log")
            yield f"{HOST}:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _write_config(folder: Path, port: int) -> Path:
    config = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": f"{HOST}:{port}"},
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "registry.yml"
    path.write_text(yaml.safe_dump(config))
    return path


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/v2/", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise CannotBuild(f"The registry did not start; see {log}.") from None
            time.sleep(0.1)
