"""The whole chain from a commit to production on one machine: the Jenkinsfile's stages by the same make targets.

A registry of its own stands in for ECR, rendered releases for the clusters, and a platform of its own for what the
smoke test asks. What a stage prints goes to build/pipeline/<stage>.log; one line tells how it went.
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

from tools.release import local_registry
from tools.release.project import BUILD, ROOT, ReleaseError

LOGS = BUILD / "pipeline"
MAKES_OWN = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """A step of the chain: `targets` are what make is told, one call each; `asks`: a person approves it."""

    name: str
    title: str
    targets: tuple[tuple[str, ...], ...]
    asks: bool = False


@dataclass(frozen=True)
class Outcome:
    stage: Stage
    status: str  # "passed", "failed" or "left out"
    seconds: float
    log: Path | None = None


def _stage(name: str, title: str, *targets: str, asks: bool = False) -> Stage:
    return Stage(name, title, tuple(tuple(target.split()) for target in targets), asks)


STAGES = (
    _stage("lint", "Lint and types", "lint jenkins-lint", "types"),
    _stage("test", "Tests with reports", "test REPORTS=build/reports", "test-full REPORTS=build/reports"),
    _stage("contracts", "Contracts and migrations keep the last release alive", "compatibility", "migrations"),
    _stage("infrastructure", "Templates, charts and clusters", "infra-test", "helm-lint"),
    _stage("images", "Images of what has changed", "changed-images"),
    _stage("scan", "Vulnerabilities, parts list, secrets", "audit", "sbom", "secrets"),
    _stage("push", "Images to the registry", "push-changed-images"),
    _stage("publish", "Gateway documents, docs, SDKs", "gateway-documents", "docs", "sdk"),
    _stage("dev", "Deploy to dev", "deploy ENV=dev"),
    _stage("smoke", "Smoke test", "smoke-here"),
    _stage("staging", "Promote to staging", "deploy ENV=staging", asks=True),
    _stage("production", "Promote to production", "deploy ENV=prod", asks=True),
)


def chosen(only: Iterable[str], skip: Iterable[str]) -> list[Stage]:
    """The stages to run, in their order; raises ReleaseError for a name that is none."""
    only, skip = list(only), list(skip)
    known = [stage.name for stage in STAGES]
    for name in [*only, *skip]:
        if name not in known:
            raise ReleaseError(f"no stage is called {name!r}; there are {', '.join(known)}")
    return [stage for stage in STAGES if (not only or stage.name in only) and stage.name not in skip]


def made_by(stage: Stage) -> str:
    return "; ".join(f"make {' '.join(target)}" for target in stage.targets)


def run_locally(
    stages: Sequence[Stage], tell: Tell, *, keep_going: bool = False, registry: str | None = None
) -> list[Outcome]:
    """Run the stages with this machine's stand-ins for what is in the cloud."""
    stand_ins = {"RENDERED": str(BUILD / "releases")}
    if not any(stage.name == "push" for stage in stages):
        return run_stages(stages, tell, keep_going=keep_going, variables=stand_ins)
    with nullcontext(registry) if registry else local_registry.running(BUILD / "registry") as host:
        variables = stand_ins | {"REGISTRY": str(host)}
        return run_stages(stages, tell, keep_going=keep_going, variables=variables)


def run_stages(
    stages: Sequence[Stage],
    tell: Tell,
    *,
    keep_going: bool = False,
    variables: Mapping[str, str] = MappingProxyType({}),
    logs: Path = LOGS,
) -> list[Outcome]:
    """Run the stages one after the other; after a failure the rest is left out, unless `keep_going`.

    `variables` are make's, for all of them.
    """
    logs.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    for number, stage in enumerate(stages, start=1):
        if not keep_going and any(outcome.status == "failed" for outcome in outcomes):
            outcomes.append(Outcome(stage, "left out", 0.0))
            continue
        tell(f"[{number}/{len(stages)}] {stage.title} …")
        outcome = _run(stage, variables, logs / f"{stage.name}.log")
        tell(f"      {outcome.status} after {outcome.seconds:.0f} s")
        if outcome.status == "failed":
            tell(_tail(outcome.log))
        outcomes.append(outcome)
    return outcomes


def _run(stage: Stage, variables: Mapping[str, str], log: Path) -> Outcome:
    started = time.monotonic()
    # make hands its own options to its children by these, and we are one.
    surroundings = {name: value for name, value in os.environ.items() if name not in MAKES_OWN}
    status = "passed"
    with log.open("w") as out:
        for target in stage.targets:
            given = [f"{name}={value}" for name, value in variables.items()]
            command = ["make", "--no-print-directory", *target, *given]
            out.write(f"$ {' '.join(command)}\n")
            out.flush()
            answer = subprocess.run(
                command, cwd=ROOT, env=surroundings, stdout=out, stderr=subprocess.STDOUT, check=False
            )
            if answer.returncode:
                status = "failed"
                break
    return Outcome(stage, status, time.monotonic() - started, log)


def _tail(log: Path | None) -> str:
    assert log is not None
    return (
        "\n".join(f"      {line}" for line in log.read_text(errors="replace").splitlines()[-8:]) + f"\n      {log}"
    )
