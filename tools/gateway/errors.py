"""The error that lists all problems of a gateway's configuration."""

from __future__ import annotations

from collections.abc import Sequence

from tools.errors import ToolError


class GatewayConfigError(ToolError):
    """The configuration does not match the contracts or the inputs; `problems` has a sentence for each problem."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        super().__init__("\n".join([f"{source}:", *(f"  - {problem}" for problem in problems)]))
        self.source = source
        self.problems = tuple(problems)
