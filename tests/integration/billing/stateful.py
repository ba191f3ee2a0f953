"""Settings of billing's stateful tests: a short run, always the same, and a long random one in `make test-full`."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

LONG_RUN = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=[Phase.generate, Phase.shrink],
)
SHORT_RUN = settings(LONG_RUN, max_examples=8, stateful_step_count=15, derandomize=True)
