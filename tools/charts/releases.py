"""A release of a service: the chart, its values in an environment, and the image that it shall run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from libs.chassis.service import NAMES
from libs.chassis.settings import ROOT
from tools.charts.helm import helm

CHART = ROOT / "helm" / "service"
ENVIRONMENTS = tuple(sorted(path.name for path in (ROOT / "helm" / "environments").iterdir() if path.is_dir()))


def values_of(service: str, environment: str) -> list[Path]:
    """The values files, the more particular ones later; ValueError when there is no such service or environment."""
    if service not in NAMES:
        raise ValueError(f"no service is called {service!r}; there are {', '.join(NAMES)}")
    if environment not in ENVIRONMENTS:
        raise ValueError(f"no environment is called {environment!r}; there are {', '.join(ENVIRONMENTS)}")
    place = ROOT / "helm" / "environments" / environment
    return [ROOT / "helm" / "values" / f"{service}.yaml", place / "common.yaml", place / f"{service}.yaml"]


def arguments_of(service: str, environment: str, tag: str, *more: str) -> list[str]:
    """What helm is told for any command on this release; `tag` is a tag, or a digest that begins with sha256:."""
    files = [part for path in values_of(service, environment) for part in ("--values", str(path))]
    image = f"image.digest={tag}" if tag.startswith("sha256:") else f"image.tag={tag}"
    return ["--namespace", service, *files, "--set-string", image, *more]


def render(service: str, environment: str, tag: str, *more: str) -> str:
    """The manifests that a release would send; HelmRefused when values and chart do not go together."""
    return helm("template", service, str(CHART), *arguments_of(service, environment, tag, *more))


def documents(manifests: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(manifests) if document]
