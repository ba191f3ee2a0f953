"""What the benchmarks need is checked, and installed where that is permitted, before the first one starts."""

from __future__ import annotations

import subprocess

import pytest

from tests.bench import prerequisites
from tools.local_platform import debian
from tools.local_platform.waf_packages import FirewallUnavailable
from tools.project import ROOT

MISSING = {"no-such-program": "some-package"}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The packages that would have been installed; nothing is."""
    packages: list[str] = []
    monkeypatch.setattr(debian, "install", packages.extend)
    return packages


def test_a_missing_program_is_installed_as_root_on_debian(
    installed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian, "can_install", lambda: True)
    assert debian.ensure_programs(MISSING) == ["some-package"], "an installation that fails is reported"
    assert installed == ["some-package"]


def test_nothing_is_installed_on_other_systems(installed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "can_install", lambda: False)
    assert debian.ensure_programs({**MISSING, "sh": "dash"}) == ["some-package"]
    assert installed == []


def test_a_missing_load_generator_ends_the_benchmarks_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prerequisites, "ensure_programs", lambda programs: list(programs.values()))
    with pytest.raises(SystemExit, match="apt-get install wrk"):
        prerequisites.require_load_generator()


def test_unavailable_firewall_ends_the_benchmarks_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise FirewallUnavailable("apt-get is missing here.")

    monkeypatch.setattr(prerequisites.waf_packages, "ensure", fail)
    with pytest.raises(SystemExit, match="apt-get is missing here"):
        prerequisites.require_firewall()


def test_make_bench_checks_prerequisites_first() -> None:
    printed = subprocess.run(["make", "-n", "bench"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    modules = [line.rpartition(" ")[2] for line in printed.splitlines() if "tests.bench." in line]
    assert modules[0] == "tests.bench.prerequisites"
    assert len(modules) == 1 + len(list((ROOT / "tests/bench").glob("bench_*.py")))
