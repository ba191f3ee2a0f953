"""How far the random walks of billing go: a short one, the same each time, and a long one in `make test-full`."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

LONG_WALK = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=[Phase.generate, Phase.shrink],
)
SHORT_WALK = settings(LONG_WALK, max_examples=8, stateful_step_count=15, derandomize=True)
