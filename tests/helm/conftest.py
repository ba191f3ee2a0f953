"""What every service's release in every environment would send, rendered once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from libs.chassis.service import NAMES
from tests.helm.manifests import Release
from tools.deployment import charts
from tools.deployment.charts import CHART_ENVIRONMENTS

ALL = [(service, environment) for environment in CHART_ENVIRONMENTS for service in NAMES]


@pytest.fixture(scope="session")
def rendered() -> dict[tuple[str, str], Release]:
    with ThreadPoolExecutor(4) as pool:
        texts = pool.map(lambda pair: charts.render(*pair, "test-build"), ALL)
    return {pair: Release(*pair, charts.documents(text)) for pair, text in zip(ALL, texts, strict=True)}


@pytest.fixture(params=ALL, ids="-".join)
def release(request: pytest.FixtureRequest, rendered: dict[tuple[str, str], Release]) -> Release:
    return rendered[request.param]
