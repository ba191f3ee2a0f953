"""The delivery pipeline on one machine: the stages of the Jenkinsfile, by the same make targets.

A temporary registry replaces ECR, rendered files replace the clusters, and the smoke test starts its own platform.
The output of a stage goes to build/pipeline/<stage>.log.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tools.errors import ToolError
from tools.images import registry as image_registry
from tools.project import BUILD, ROOT

LOGS = BUILD / "pipeline"
LOG_LINES = 8
# make passes its own options to nested calls in these variables.
MAKE_VARIABLES = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")
Report = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """A stage: `calls` are the arguments of its calls of make; some stages need an approval in Jenkins."""

    name: str
    title: str
    calls: tuple[tuple[str, ...], ...]
    needs_approval: bool = False

    def commands(self) -> str:
        return "; ".join(f"make {' '.join(call)}" for call in self.calls)


@dataclass(frozen=True)
class Outcome:
    stage: Stage
    status: str  # "passed", "failed" or "skipped"
    seconds: float
    log: Path


def _stage(name: str, title: str, *calls: str, needs_approval: bool = False) -> Stage:
    return Stage(name, title, tuple(tuple(call.split()) for call in calls), needs_approval)


STAGES = (
    _stage("lint", "Lint and types", "lint jenkins-lint", "types"),
    _stage("test", "Tests with reports", "test REPORTS=build/reports", "test-full REPORTS=build/reports"),
    _stage("contracts", "Compatibility of contracts and migrations", "compatibility", "migrations"),
    _stage("infrastructure", "Templates, charts and clusters", "infra-test", "helm-lint"),
    _stage("images", "Images of changed services", "changed-images"),
    _stage("scan", "Vulnerabilities, bill of materials, secrets", "audit", "sbom", "secrets"),
    _stage("push", "Images to the registry", "push-changed-images"),
    _stage("publish", "Gateway documents, docs, SDKs", "gateway-documents", "docs", "sdk"),
    _stage("dev", "Deploy to dev", "deploy ENV=dev"),
    _stage("smoke", "Smoke test", "smoke-here"),
    _stage("staging", "Promote to staging", "deploy ENV=staging", needs_approval=True),
    _stage("production", "Promote to production", "deploy ENV=prod", needs_approval=True),
)


def choose(only: Iterable[str], skip: Iterable[str]) -> list[Stage]:
    """Return the stages to run, in their order; ToolError for an unknown name."""
    only, skip = list(only), list(skip)
    names = [stage.name for stage in STAGES]
    for name in [*only, *skip]:
        if name not in names:
            raise ToolError(f"There is no stage {name!r}. Choose from {', '.join(names)}.")
    return [stage for stage in STAGES if (not only or stage.name in only) and stage.name not in skip]


def run_locally(
    stages: Sequence[Stage], report: Report, *, keep_going: bool = False, registry: str | None = None
) -> list[Outcome]:
    """Run the stages with this machine's substitutes for the cloud."""
    variables = {"RENDERED": str(BUILD / "releases")}
    if not any(stage.name == "push" for stage in stages):
        return run_stages(stages, report, keep_going=keep_going, variables=variables)
    with nullcontext(registry) if registry else image_registry.running(BUILD / "registry") as host:
        return run_stages(stages, report, keep_going=keep_going, variables=variables | {"REGISTRY": str(host)})


def run_stages(
    stages: Sequence[Stage],
    report: Report,
    *,
    keep_going: bool = False,
    variables: Mapping[str, str] = MappingProxyType({}),
    logs: Path = LOGS,
) -> list[Outcome]:
    """Run the stages in order; after a failure the rest is skipped, unless `keep_going`.

    `variables` are passed to every call of make.
    """
    logs.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    for number, stage in enumerate(stages, start=1):
        log = logs / f"{stage.name}.log"
        if not keep_going and any(outcome.status == "failed" for outcome in outcomes):
            outcomes.append(Outcome(stage, "skipped", 0.0, log))
            continue
        report(f"[{number}/{len(stages)}] {stage.title} …")
        outcome = _run(stage, variables, log)
        report(f"      {outcome.status} after {outcome.seconds:.0f} s")
        if outcome.status == "failed":
            report(_tail(log))
        outcomes.append(outcome)
    return outcomes


def _run(stage: Stage, variables: Mapping[str, str], log: Path) -> Outcome:
    started = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
    settings = [f"{name}={value}" for name, value in variables.items()]
    status = "passed"
    with log.open("w") as out:
        for call in stage.calls:
            command = ["make", "--no-print-directory", *call, *settings]
            out.write(f"$ {' '.join(command)}\n")
            out.flush()
            completed = subprocess.run(
                command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT, check=False
            )
            if completed.returncode:
                status = "failed"
                break
    return Outcome(stage, status, time.monotonic() - started, log)


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
    return "\n".join(f"      {line}" for line in [*lines, str(log)])
