"""A registry on this machine, which takes a push as ECR would: Debian's docker-registry on a loopback port."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from tools.images.build import name_of
from tools.images.tools import CannotBuild, buildah
from tools.local_platform.debian import program
from tools.local_platform.layout import HOST, port_is_free

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
START_SECONDS = 15


@dataclass(frozen=True)
class Pushed:
    """An image in a registry."""

    repository: str
    tag: str
    digest: str

    @property
    def reference(self) -> str:
        return f"{self.repository}:{self.tag}"

    @property
    def by_digest(self) -> str:
        return f"{self.repository}@{self.digest}"


def push(service: str, registry: str, tag: str) -> Pushed:
    """Push the image that was built last; credentials are those of `buildah login`."""
    repository = f"{registry}/reclothes/{service}"
    is_here = registry.startswith((f"{HOST}:", "localhost:"))
    with tempfile.NamedTemporaryFile("r") as digest:
        options = ["--quiet", f"--tls-verify={str(not is_here).lower()}", "--format", "v2s2"]
        options += ["--digestfile", digest.name]
        buildah("push", *options, name_of(service), f"docker://{repository}:{tag}")
        return Pushed(repository, tag, digest.read().strip())


def transferred_bytes(pushed: Pushed) -> int:
    """How much a pull from the local registry transfers: its layers as they are packed."""
    host, _, path = pushed.repository.partition("/")
    answer = httpx.get(
        f"http://{host}/v2/{path}/manifests/{pushed.digest}", headers={"Accept": MANIFEST}, timeout=5
    )
    answer.raise_for_status()
    return sum(layer["size"] for layer in answer.json()["layers"])


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
            httpx.get(f"http://{HOST}:{port}/v2/", timeout=1).raise_for_status()
            return
        except httpx.HTTPError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise CannotBuild(f"The registry did not start; see {log}.") from None
            time.sleep(0.1)
