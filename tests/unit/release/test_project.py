"""The facts about the project that its tools share."""

from __future__ import annotations

from libs.chassis.service import NAMES
from tools.deployment.charts import CHART_ENVIRONMENTS
from tools.project import ENVIRONMENTS, ROOT, SERVICES, version


def test_services_are_those_of_the_chassis() -> None:
    assert SERVICES == NAMES


def test_every_environment_has_values_of_the_chart() -> None:
    assert set(ENVIRONMENTS) <= set(CHART_ENVIRONMENTS)


def test_version_is_that_of_the_distribution() -> None:
    assert f"version = {version()}\n" in (ROOT / "setup.cfg").read_text()
