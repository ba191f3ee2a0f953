"""Who can reach whom: the templates against the hand-written table of the designed data flow."""

from __future__ import annotations

import pytest

from infra.prove import proof_of
from infra.tests.support import ENVIRONMENTS


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_designed_pair_is_open_and_every_other_one_is_refused(environment: str) -> None:
    proof = proof_of(environment)

    assert [str(finding) for finding in proof.findings()] == []
    services = {service for service, _ in proof.network.vpcs.values()}
    assert services == {"auth", "customer", "shopping", "billing", "admin", "locker"}
    assert len(proof.actors) == 3 + 6 * 6 + 6
