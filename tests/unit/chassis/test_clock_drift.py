"""/readyz warns of clock drift before tokens are rejected."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from libs.chassis import clock_drift, health, security
from libs.chassis.clock import freeze
from libs.chassis.runtime import new_runtime
from tools.gateway.envoy import filters

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


CHECKS = [health.Check("clock", clock_drift.check, is_needed=False)]


@pytest.fixture(autouse=True)
def _runtime() -> Iterator[None]:
    with new_runtime():
        yield


@pytest.mark.parametrize(
    ("seconds", "result"), [(0, "ok"), (20, "ok"), (-20, "ok"), (21, "ClockDrift"), (-3600, "ClockDrift")]
)
def test_readiness_shows_a_drift_and_the_service_stays_ready(seconds: int, result: str) -> None:
    with freeze(NOW):
        clock_drift.note("auth", format_datetime(NOW - timedelta(seconds=seconds), usegmt=True))
    assert health.report(CHECKS) == (True, {"clock": result})


def test_a_corrected_clock_has_no_drift() -> None:
    with freeze(NOW):
        for time in (NOW - timedelta(hours=1), NOW):
            clock_drift.note("auth", format_datetime(time, usegmt=True))
    assert health.report(CHECKS) == (True, {"clock": "ok"})


@pytest.mark.parametrize("date", [None, "", "yesterday", "Tue, 99 Dec 2026 12:00:00 GMT"])
def test_a_response_without_a_valid_date_is_ignored(date: str | None) -> None:
    clock_drift.note("auth", date)
    assert health.report(CHECKS) == (True, {"clock": "ok"})


def test_services_and_gateways_have_the_same_leeway_and_warn_below_it() -> None:
    assert security.LEEWAY_SECONDS == filters.CLOCK_SKEW_SECONDS == 60
    assert clock_drift.WARN_SECONDS < security.LEEWAY_SECONDS
