"""The layers of the suite: which tests they hold, how long they may take, and what `make test` leaves out.

`make test` runs what is not marked `full`, `make test-full` the rest. All tests of a layer with `full` are marked.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass

import pytest

SLOWEST_SHOWN = 10
WAITED = "seconds waited for another worker"  # a property of tests, not counted as their time


@dataclass(frozen=True)
class Layer:
    """One folder of `tests/`. Budgets are seconds of test time, summed over all workers, on two cores."""

    folder: str
    budget: int
    full_budget: int = 0
    full: bool = False


LAYERS = (
    Layer("unit", budget=50),
    Layer("contract", budget=40),
    Layer("integration", budget=450, full_budget=400),
    Layer("acceptance", budget=250, full_budget=700),
    Layer("security", budget=0, full_budget=200, full=True),
    Layer("attacks", budget=0, full_budget=300, full=True),
    Layer("helm", budget=0, full_budget=120, full=True),
    Layer("images", budget=0, full_budget=300, full=True),
)
_BY_FOLDER = {layer.folder: layer for layer in LAYERS}


def layer_of(nodeid: str) -> Layer | None:
    """The layer of a test by its id, or None for a test outside `tests/<layer>/`."""
    parts = nodeid.split("/", 2)
    return _BY_FOLDER.get(parts[1]) if len(parts) > 2 else None


class TimeReport:
    """Pytest plugin that prints the time per layer and the slowest tests.

    On CI a layer that takes more than twice its budget fails the run.
    """

    def __init__(self, is_full: bool) -> None:
        self._is_full = is_full
        self._by_test: Counter[str] = Counter()
        self._tests: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        waited = dict(report.user_properties).get(WAITED, 0.0) if report.when == "setup" else 0.0
        self._by_test[report.nodeid] += report.duration - float(waited)
        layer = layer_of(report.nodeid)
        if report.when == "call" and layer:
            self._tests[layer.folder] += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_sep("=", "time per layer")
        for line in self._lines():
            terminalreporter.write_line(line)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if budgets_are_enforced() and self._over_budget() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _budget(self, layer: Layer) -> int:
        return layer.full_budget if self._is_full else layer.budget

    def _seconds(self) -> dict[str, float]:
        total: Counter[str] = Counter()
        for nodeid, seconds in self._by_test.items():
            if layer := layer_of(nodeid):
                total[layer.folder] += seconds
        return dict(total)

    def _over_budget(self) -> list[str]:
        seconds = self._seconds()
        return [
            f"{layer.folder} is over budget: {seconds[layer.folder]:.0f} s, allowed 2 x {self._budget(layer)} s"
            for layer in LAYERS
            if seconds.get(layer.folder, 0) > 2 * self._budget(layer)
        ]

    def _lines(self) -> list[str]:
        seconds = self._seconds()
        table = [
            f"{layer.folder:12}{self._tests[layer.folder]:6} tests {seconds[layer.folder]:7.1f} s"
            f"   budget {self._budget(layer):4} s"
            for layer in LAYERS
            if layer.folder in seconds
        ]
        slowest = [f"{taken:7.1f} s  {nodeid}" for nodeid, taken in self._by_test.most_common(SLOWEST_SHOWN)]
        return [*table, *self._over_budget(), "", "slowest tests:", *slowest]


def budgets_are_enforced() -> bool:
    """On CI, unless RECLOTHES_IGNORE_TEST_BUDGETS=1 says that the machine is slow."""
    return bool(os.environ.get("CI")) and os.environ.get("RECLOTHES_IGNORE_TEST_BUDGETS") != "1"
