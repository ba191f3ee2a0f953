"""cdk-nag's AwsSolutions rules over all stacks of an environment, held against `infra/accepted.yaml`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra import environment as environments
from infra.lint import Finding
from infra.synth import use_own_node

ACCEPTED = Path(__file__).parent / "accepted.yaml"
PLUGIN = "AwsSolutions"


@dataclass(frozen=True)
class Accepted:
    """A kind of finding that stays as it is, and why."""

    finding: str
    where: str
    reason: str

    def explains(self, found: Finding) -> bool:
        return found.rule.startswith(self.finding) and re.fullmatch(self.where, found.where) is not None


def accepted() -> list[Accepted]:
    return [Accepted(**entry) for entry in yaml.safe_load(ACCEPTED.read_text())]


def findings(environment: str, out: Path) -> list[Finding]:
    """All findings; the templates are made in `out`, for this alone."""
    use_own_node()
    import aws_cdk as cdk
    from cdk_nag import AwsSolutionsChecks

    from infra import app as application

    app = cdk.App(outdir=str(out), analytics_reporting=False, builtin_cloud_formation_validation=False)
    application.build(app, environments.load(environment))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    try:
        app.synth()
    except RuntimeError as failed:
        if "ValidationFailed" not in str(failed):
            raise
    report = json.loads((out / "validation-report.json").read_text())
    return [finding for plugin in report["pluginReports"] for finding in _of(plugin)]


def _of(plugin: dict[str, Any]) -> list[Finding]:
    if plugin["pluginName"] != PLUGIN:
        return []
    return [
        Finding(violation["ruleName"], construct["constructPath"], violation["description"])
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    ]
