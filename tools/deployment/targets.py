"""Where releases are deployed to: clusters, by Helm, or files that replace them on one machine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.deployment.charts import CHART, UPGRADE, WAIT, release_arguments
from tools.errors import ToolError
from tools.project import ROOT, read_yaml

Run = Callable[[Sequence[str]], str]
Render = Callable[[str, str], str]


def run(command: Sequence[str]) -> str:
    """Return the output of a command; ToolError with the end of its output when it fails."""
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if completed.returncode:
        message = (completed.stderr or completed.stdout).strip()[-800:]
        raise ToolError(f"`{' '.join(command[:3])}` failed: {message}")
    return completed.stdout


class HelmClusters:
    """The clusters of one environment; each service has its own cluster, and a context of its name."""

    def __init__(self, environment: str, helm: str = "helm", run: Run = run) -> None:
        self._environment = environment
        self._domain: str = read_yaml(ROOT / "helm" / "environments" / environment / "common.yaml")["domain"]
        self._helm = helm
        self._run = run

    def current_revision(self, service: str) -> str | None:
        releases = json.loads(
            self._helm_output(service, "list", "--filter", f"^{service}$", "--deployed", "--output", "json")
        )
        return str(releases[0]["revision"]) if releases else None

    def upgrade(self, service: str, tag: str) -> None:
        arguments = release_arguments(service, self._environment, tag, *UPGRADE)
        self._helm_output(service, "upgrade", "--install", service, str(CHART), *arguments)

    def roll_back(self, service: str, revision: str | None) -> None:
        if revision is None:
            self._helm_output(service, "uninstall", service, *WAIT)
        else:
            self._helm_output(service, "rollback", service, revision, *WAIT)

    def _helm_output(self, service: str, *arguments: str) -> str:
        cluster = ["--namespace", service, "--kube-context", f"{service}.k8s.{self._domain}"]
        return self._run([self._helm, *arguments, *cluster])


class ReleaseFiles:
    """Rendered releases in `folder`/<service>/<revision>.yaml; the file `current` names the deployed revision."""

    def __init__(self, folder: Path, render: Render) -> None:
        self._folder = folder
        self._render = render

    def current_revision(self, service: str) -> str | None:
        pointer = self._pointer(service)
        return pointer.read_text().strip() if pointer.exists() else None

    def upgrade(self, service: str, tag: str) -> None:
        manifests = self._render(service, tag)
        folder = self._folder / service
        folder.mkdir(parents=True, exist_ok=True)
        revision = 1 + max((int(file.stem) for file in folder.glob("[0-9]*.yaml")), default=0)
        (folder / f"{revision}.yaml").write_text(manifests)
        self._set_current(service, str(revision))

    def roll_back(self, service: str, revision: str | None) -> None:
        if revision is None:
            self._pointer(service).unlink(missing_ok=True)
        elif not (self._folder / service / f"{revision}.yaml").exists():
            raise ToolError(f"There is no revision {revision} of {service} in {self._folder}.")
        else:
            self._set_current(service, revision)

    def _pointer(self, service: str) -> Path:
        return self._folder / service / "current"

    def _set_current(self, service: str, revision: str) -> None:
        new = self._pointer(service).with_suffix(".new")
        new.write_text(f"{revision}\n")
        new.replace(self._pointer(service))
