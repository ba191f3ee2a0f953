"""Settings files that cannot be right are refused, with what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from infra import environment as environments
from infra.environment import ENVIRONMENTS, SERVICES, SettingsError


def fields(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = yaml.safe_load((ENVIRONMENTS / "prod.yaml").read_text())
    return given | changes


def test_no_network_of_any_environment_overlaps_another_one() -> None:
    ranges = [range_ for name in environments.names() for range_ in environments.load(name).ranges.values()]

    assert len(ranges) == 3 * len(SERVICES)
    assert not [(one, other) for one in ranges for other in ranges if one is not other and one.overlaps(other)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"company_range": "10.96.0.0/12"}, "overlap"),
        ({"first_range": "10.96.0.0/20"}, "first_range is a /16"),
        ({"nat_gateways": 3}, "nat_gateways is 1 or 2"),
        ({"company_gateway_address": "somewhere"}, "somewhere"),
        ({"zones": ["eu-central-1a"]}, "not enough values"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        environments.parse("prod", fields(**changes))


def test_an_unknown_environment_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="dev, prod, staging"):
        environments.load("production")
