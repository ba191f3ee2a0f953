"""The sizes of an environment's clusters (infra/kops/environments/<environment>.yaml)."""

from __future__ import annotations

from dataclasses import dataclass, fields

from tools.errors import ToolError
from tools.project import ROOT, read_yaml


@dataclass(frozen=True)
class Sizes:
    """The numbers of nodes are per zone."""

    kubernetes_version: str
    control_planes: int
    control_plane_machine: str
    node_machines: list[str]
    nodes_minimum: int
    nodes_maximum: int
    nodes_on_demand: int


def read_sizes(environment: str) -> Sizes:
    """Read and validate the sizes of one environment; ToolError with the problem."""
    file = ROOT / "infra" / "kops" / "environments" / f"{environment}.yaml"
    if not file.exists():
        environments = ", ".join(sorted(path.stem for path in file.parent.glob("*.yaml")))
        raise ToolError(f"There is no environment {environment!r}. Choose one of {environments}.")
    values = read_yaml(file)
    names = {field.name for field in fields(Sizes)}
    if values.keys() != names:
        raise ToolError(f"{file} must have exactly the keys {', '.join(sorted(names))}")
    sizes = Sizes(**values)
    if sizes.control_planes not in (1, 3):
        raise ToolError(f"{file}: control_planes must be 1 or 3, not {sizes.control_planes}")
    if not 1 <= sizes.nodes_minimum <= sizes.nodes_maximum:
        raise ToolError(f"{file}: nodes_minimum must be from 1 to nodes_maximum")
    return sizes
