"""Pushing images to a registry, and a registry on this machine (Debian's docker-registry) that replaces ECR."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from tools import subprocesses
from tools.errors import ToolError
from tools.images.build import local_name
from tools.images.buildah import buildah
from tools.local_platform.debian import program
from tools.local_platform.ports import HOST, free_port

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
    is_local = registry.startswith((f"{HOST}:", "localhost:"))
    with tempfile.NamedTemporaryFile("r") as digest:
        options = ["--quiet", f"--tls-verify={str(not is_local).lower()}", "--format", "v2s2"]
        options += ["--digestfile", digest.name]
        buildah("push", *options, local_name(service), f"docker://{repository}:{tag}")
        return Pushed(repository, tag, digest.read().strip())


def transferred_bytes(pushed: Pushed) -> int:
    """Return the size of the compressed layers in the local registry."""
    host, _, path = pushed.repository.partition("/")
    response = httpx.get(
        f"http://{host}/v2/{path}/manifests/{pushed.digest}", headers={"Accept": MANIFEST}, timeout=5
    )
    response.raise_for_status()
    return sum(layer["size"] for layer in response.json()["layers"])


def pull(pushed: Pushed) -> None:
    buildah("pull", "--quiet", "--policy", "always", "--tls-verify=false", f"docker://{pushed.by_digest}")


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run a registry that stores its images in `folder`; gives its host and port."""
    if program("docker-registry") is None:
        raise ToolError(
            "docker-registry is not installed. Install it (Debian: `apt-get install docker-registry`), "
            "or pass the host and port of another registry as REGISTRY."
        )
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "registry.yml"
    config.write_text(yaml.safe_dump(_configuration(folder, port)))
    command = [str(program("docker-registry")), "serve", str(config)]
    with subprocesses.running(
        "The registry", command, folder / "registry.log", lambda: _responds(port), start_seconds=START_SECONDS
    ):
        yield f"{HOST}:{port}"


def _configuration(folder: Path, port: int) -> dict[str, object]:
    return {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": f"{HOST}:{port}"},
    }


def _responds(port: int) -> bool:
    try:
        return httpx.get(f"http://{HOST}:{port}/v2/", timeout=1).is_success
    except httpx.TransportError:
        return False
