"""What the tests of the cloud share: the templates as they were synthesized, and the design."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from infra import environment as environments
from infra.reachability import design
from infra.reachability.filters import Filters
from infra.reachability.network import all_bounds
from infra.reachability.ports import PortSpace
from infra.reachability.proof import Expectation, Proof
from infra.reachability.resources import Resource, load
from infra.synth import OUT

ENVIRONMENTS = environments.names()
DESIGN = Path(__file__).parent / "designed_flow.tsv"


@cache
def resources_of(environment: str) -> dict[str, Resource]:
    return load(OUT / environment)


@cache
def expectation_of(environment: str) -> Expectation:
    chosen = environments.load(environment)
    return Expectation(design.read(DESIGN), chosen.company_range, chosen.interface_endpoints, chosen.nat_gateways)


@cache
def filters_of(environment: str) -> Filters:
    flows = expectation_of(environment).flows
    bounds = [
        *all_bounds(resources_of(environment)),
        *(flow.ports for flow in flows),
        *(flow.caller_ports for flow in flows),
    ]
    return Filters(PortSpace([*bounds, (1024, 65535)]))


def proof_of(environment: str) -> Proof:
    return Proof(resources_of(environment), expectation_of(environment), filters_of(environment))
