"""`python -m infra.costs`: writes docs/costs.md from the templates; `--check` only tests whether it is current."""

# ruff: noqa: T201 a command prints

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from infra import environment as environments
from infra.costs.estimate import Line, Resource, estimate
from infra.synth import OUT

PAGE = Path(__file__).resolve().parents[2] / "docs" / "costs.md"
HEAD = """# What the environments cost in a month

Made by `make infra-costs`: counted in the templates and, for the clusters at their smallest, in
`infra/kops/environments`; multiplied by the list prices in `infra/costs/prices.yaml` (eu-central-1, US dollars,
without tax); with the use that `infra/costs/usage.yaml` assumes. Prices and use are assumptions; change
them there, not here. Free tiers, savings plans and the lower prices of spot machines are left out.
"""


def resources_of(environment: str) -> list[Resource]:
    """All resources of an environment's templates; FileNotFoundError when there are none yet."""
    files = sorted((OUT / environment).glob("*.template.json"))
    if not files:
        raise FileNotFoundError(f"no templates in {OUT / environment}; `make infra` makes them")
    return [one for file in files for one in json.loads(file.read_text())["Resources"].values()]


def page() -> str:
    """The whole page."""
    estimates = {name: estimate(name, resources_of(name)) for name in sorted(environments.names(), key=_by_size)}
    rows = [f"| {name} | {_total(lines):,.0f} |" for name, lines in estimates.items()]
    parts = [HEAD, "| environment | US dollars a month |\n|---|---:|", *rows]
    return "\n".join([*parts, *(_chapter(name, lines) for name, lines in estimates.items())]) + "\n"


def _by_size(name: str) -> tuple[int, str]:
    return {"dev": 0, "staging": 1}.get(name, 2), name


def _total(lines: Sequence[Line]) -> float:
    return sum(line.dollars for line in lines)


def _chapter(name: str, lines: Sequence[Line]) -> str:
    rows = [f"| {one.part} | {one.what} | {one.count:g} | {one.price:,.4g} | {one.dollars:,.2f} |" for one in lines]
    head = [f"\n## {name}\n", "| part | what | count | each | dollars |", "|---|---|---:|---:|---:|"]
    return "\n".join([*head, *rows, f"| **sum** | | | | **{_total(lines):,.2f}** |"])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.costs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when the page is not current")
    checking = parser.parse_args(arguments).check
    try:
        expected = page()
    except FileNotFoundError as missing:
        print(missing, file=sys.stderr)
        return 2
    if checking and PAGE.read_text() != expected:
        print(f"{PAGE} is not current; `make infra-costs` regenerates it", file=sys.stderr)
        return 1
    if not checking:
        PAGE.write_text(expected)
        print(f"Written: {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
