"""The Helm chart of a service: its values in an environment and the image that it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tools.deployment.helm import helm
from tools.project import ROOT, SERVICES

CHART = ROOT / "helm" / "service"
# Every environment that has values, also those that the pipeline does not deploy to.
CHART_ENVIRONMENTS = tuple(
    sorted(path.name for path in (ROOT / "helm" / "environments").iterdir() if path.is_dir())
)
WAIT = ("--wait", "--timeout", "10m")
UPGRADE = (*WAIT, "--rollback-on-failure", "--history-max", "10")


def values_files(service: str, environment: str) -> list[Path]:
    """Return the values files, the more specific ones later; ValueError for an unknown service or environment."""
    if service not in SERVICES:
        raise ValueError(f"There is no service {service!r}. Choose one of {', '.join(SERVICES)}.")
    if environment not in CHART_ENVIRONMENTS:
        raise ValueError(f"There is no environment {environment!r}. Choose one of {', '.join(CHART_ENVIRONMENTS)}.")
    folder = ROOT / "helm" / "environments" / environment
    return [ROOT / "helm" / "values" / f"{service}.yaml", folder / "common.yaml", folder / f"{service}.yaml"]


def release_arguments(service: str, environment: str, tag: str, *more: str) -> list[str]:
    """Return Helm's arguments for any command on this release; `tag` is a tag or a digest (`sha256:…`)."""
    files = [part for path in values_files(service, environment) for part in ("--values", str(path))]
    image = f"image.digest={tag}" if tag.startswith("sha256:") else f"image.tag={tag}"
    return ["--namespace", service, *files, "--set-string", image, *more]


def render(service: str, environment: str, tag: str, *more: str) -> str:
    """Return the manifests of a release; ToolError when the values do not fit the chart."""
    return helm("template", service, str(CHART), *release_arguments(service, environment, tag, *more))


def documents(manifests: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(manifests) if document]
