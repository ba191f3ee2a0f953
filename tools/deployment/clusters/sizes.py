"""How big the clusters of an environment are (infra/kops/environments/<environment>.yaml)."""

from __future__ import annotations

from dataclasses import dataclass, fields

from tools.errors import ToolError
from tools.project import ROOT, read_yaml


@dataclass(frozen=True)
class Sizes:
    """Numbers of nodes are for each zone."""

    kubernetes_version: str
    control_planes: int
    control_plane_machine: str
    node_machines: list[str]
    nodes_minimum: int
    nodes_maximum: int
    nodes_on_demand: int


def read_sizes(environment: str) -> Sizes:
    """The sizes of one environment; raises ToolError when its file cannot be right."""
    file = ROOT / "infra" / "kops" / "environments" / f"{environment}.yaml"
    if not file.exists():
        known = ", ".join(sorted(one.stem for one in file.parent.glob("*.yaml")))
        raise ToolError(f"there is no environment {environment!r}; there are {known}")
    facts = read_yaml(file)
    wanted = {field.name for field in fields(Sizes)}
    if facts.keys() != wanted:
        raise ToolError(f"{file} must have exactly {', '.join(sorted(wanted))}")
    sizes = Sizes(**facts)
    if sizes.control_planes not in (1, 3):
        raise ToolError(f"{file}: control_planes is 1 or 3, not {sizes.control_planes}")
    if not 1 <= sizes.nodes_minimum <= sizes.nodes_maximum:
        raise ToolError(f"{file}: nodes_minimum must be from 1 to nodes_maximum")
    return sizes
