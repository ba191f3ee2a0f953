"""Proves from the templates who can reach whom: `python -m infra.prove [environment] [--mutants]`.

Exit codes: 0 as designed, 1 not as designed or a mutant survived, 2 no templates.
"""

# ruff: noqa: T201 a command prints

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from infra import environment as environments
from infra.environment import OUT
from infra.reachability import design
from infra.reachability.filters import Filters
from infra.reachability.mutants import mutants
from infra.reachability.network import all_bounds
from infra.reachability.ports import PortSpace
from infra.reachability.proof import Expectation, Proof
from infra.reachability.resources import Resources, load

DESIGN = Path(__file__).parent / "tests" / "designed_flow.tsv"


def expectation_of(environment: str) -> Expectation:
    """The design of this environment."""
    chosen = environments.load(environment)
    return Expectation(design.read(DESIGN), chosen.company_range, chosen.interface_endpoints, chosen.nat_gateways)


def filters_of(resources: Resources, expected: Expectation) -> Filters:
    """Filters that distinguish all ports of these templates and of the design."""
    bounds = [*all_bounds(resources), (1024, 65535)]
    for flow in expected.flows:
        bounds += [flow.ports, flow.caller_ports]
    return Filters(PortSpace(bounds))


def proof_of(environment: str) -> Proof:
    """The proof of one environment's templates."""
    resources, expected = load(OUT / environment), expectation_of(environment)
    return Proof(resources, expected, filters_of(resources, expected))


def try_mutants(environment: str, part: int, parts: int) -> tuple[Counter[str], list[str]]:
    """Every `parts`-th mutant: by what each was seen (how many), and the names of those that were not."""
    resources, expected = load(OUT / environment), expectation_of(environment)
    filters = filters_of(resources, expected)
    seen: Counter[str] = Counter()
    survivors = []
    for number, mutant in enumerate(mutants(resources)):
        if number % parts == part:
            first = next(Proof(mutant.resources, expected, filters).findings(), None)
            if first:
                seen[first.part] += 1
            else:
                survivors.append(mutant.name)
    return seen, survivors


def mutation_run(environment: str) -> tuple[Counter[str], list[str]]:
    """All mutants, on all cores."""
    parts = os.cpu_count() or 1
    seen: Counter[str] = Counter()
    survivors: list[str] = []
    with ProcessPoolExecutor(parts) as pool:
        running = [pool.submit(try_mutants, environment, part, parts) for part in range(parts)]
        for one in running:
            seen += one.result()[0]
            survivors += one.result()[1]
    return seen, survivors


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.prove", description=__doc__)
    parser.add_argument("environment", nargs="?", default="prod", help="which one (default: prod)")
    parser.add_argument("--mutants", action="store_true", help="change each rule too: the proof has to see it")
    chosen = parser.parse_args(arguments)
    try:
        proof = proof_of(chosen.environment)
    except (FileNotFoundError, environments.SettingsError) as missing:
        print(missing, file=sys.stderr)
        return 2
    findings = [str(finding) for finding in proof.findings()]
    pairs = len(proof.actors) ** 2
    print(f"{chosen.environment}: {pairs} pairs, {len(findings)} not as designed", *findings, sep="\n  ")
    if not chosen.mutants or findings:
        return 1 if findings else 0
    started = time.monotonic()
    seen, survivors = mutation_run(chosen.environment)
    parts = ", ".join(f"{count} by {part}" for part, count in seen.most_common())
    print(f"{seen.total() + len(survivors)} mutants in {time.monotonic() - started:.0f} s: seen {parts}")
    print(f"{len(survivors)} survived", *survivors, sep="\n  ")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
