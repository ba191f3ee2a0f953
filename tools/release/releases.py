"""The two places where releases live: the clusters, by Helm, and files, which stand in for them on one machine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.release.project import ROOT, read_yaml
from tools.release.rollout import ReleaseFailed

CHART = ROOT / "helm" / "service"
WAIT = ("--wait", "--timeout", "10m")
Run = Callable[[Sequence[str]], str]


def run(command: Sequence[str]) -> str:
    """What a command prints; ReleaseFailed with its last words when it fails."""
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise ReleaseFailed(f"{' '.join(command[:3])}: {(answer.stderr or answer.stdout).strip()[-800:]}")
    return answer.stdout


class HelmReleases:
    """Releases in the clusters of one environment; each service has its own cluster, and a context of its name."""

    def __init__(self, environment: str, helm: str = "helm", run: Run = run) -> None:
        self._place = ROOT / "helm" / "environments" / environment
        self._domain: str = read_yaml(self._place / "common.yaml")["domain"]
        self._helm = helm
        self._run = run

    def current(self, service: str) -> str | None:
        found = json.loads(self._do(service, "list", "--filter", f"^{service}$", "--deployed", "--output", "json"))
        return str(found[0]["revision"]) if found else None

    def upgrade(self, service: str, tag: str) -> None:
        values = [
            ROOT / "helm" / "values" / f"{service}.yaml",
            self._place / "common.yaml",
            self._place / f"{service}.yaml",
        ]
        files = [part for file in values for part in ("--values", str(file))]
        image = f"image.digest={tag}" if tag.startswith("sha256:") else f"image.tag={tag}"
        waits = [*WAIT, "--rollback-on-failure", "--history-max", "10"]
        self._do(service, "upgrade", "--install", service, str(CHART), *files, "--set-string", image, *waits)

    def roll_back(self, service: str, revision: str | None) -> None:
        if revision is None:
            self._do(service, "uninstall", service, *WAIT)
        else:
            self._do(service, "rollback", service, revision, *WAIT)

    def _do(self, service: str, *arguments: str) -> str:
        where = ["--namespace", service, "--kube-context", f"{service}.k8s.{self._domain}"]
        return self._run([self._helm, *arguments, *where])


class RenderedReleases:
    """Releases as files: `folder`/<service>/<revision>.yaml, and `current` which says which of them counts."""

    def __init__(self, folder: Path, render: Callable[[str, str], str]) -> None:
        self._folder = folder
        self._render = render

    def current(self, service: str) -> str | None:
        pointer = self._folder / service / "current"
        return pointer.read_text().strip() if pointer.exists() else None

    def upgrade(self, service: str, tag: str) -> None:
        manifests = self._render(service, tag)
        place = self._folder / service
        place.mkdir(parents=True, exist_ok=True)
        revision = 1 + max((int(file.stem) for file in place.glob("[0-9]*.yaml")), default=0)
        (place / f"{revision}.yaml").write_text(manifests)
        self._point(service, str(revision))

    def roll_back(self, service: str, revision: str | None) -> None:
        if revision is None:
            (self._folder / service / "current").unlink(missing_ok=True)
        elif not (self._folder / service / f"{revision}.yaml").exists():
            raise ReleaseFailed(f"there is no revision {revision} of {service}")
        else:
            self._point(service, revision)

    def _point(self, service: str, revision: str) -> None:
        pointer = self._folder / service / "current"
        new = pointer.with_suffix(".new")
        new.write_text(f"{revision}\n")
        new.replace(pointer)


def rendered_by_chart(environment: str) -> Callable[[str, str], str]:
    """Renders as `make helm-render` does, which leaves the manifests under build/helm."""

    def render(service: str, tag: str) -> str:
        run(
            [
                "make",
                "--no-print-directory",
                "helm-render",
                f"ENV={environment}",
                f"SERVICE={service}",
                f"TAG={tag}",
            ]
        )
        return (ROOT / "build" / "helm" / environment / f"{service}.yaml").read_text()

    return render
