"""Removing or widening any one rule turns the proof red."""

from __future__ import annotations

import pytest

from infra.environment import OUT
from infra.prove import mutation_run, proof_of
from infra.reachability.mutants import REMOVED, mutants
from infra.reachability.resources import load


@pytest.mark.timeout(900)
def test_no_mutant_survives(capsys: pytest.CaptureFixture[str]) -> None:
    seen, survivors = mutation_run("prod")

    with capsys.disabled():
        print(f"\n{seen.total() + len(survivors)} mutants, {len(survivors)} survivors; seen by {dict(seen)}")
    assert survivors == []


def test_every_rule_of_the_templates_has_its_mutants() -> None:
    resources = load(OUT / "prod")
    rules = {one.id for one in resources.values() if one.type.removeprefix("AWS::EC2::") in REMOVED}
    removed = {mutant.resource for mutant in mutants(resources) if mutant.change == "removed"}

    assert removed == rules
    assert len(rules) > 400


def test_the_proof_says_what_is_wrong() -> None:
    resources = dict(load(OUT / "prod"))
    proof = proof_of("prod")
    [store] = [one for one in resources if "billing" in one and "Store3306In" in one]
    del resources[store]
    broken = type(proof)(resources, proof.expected, proof.filters)

    texts = [str(finding) for finding in broken.findings()]

    assert "packets: billing.node-a to billing.database-a: nothing is open, tcp 3306 is designed" in texts
