"""What the tests of the cloud share."""

from __future__ import annotations

from infra import environment as environments

ENVIRONMENTS = environments.names()
