"""What is wrong with the configuration of a gateway, said all at once."""

from __future__ import annotations

from collections.abc import Sequence


class GatewayConfigError(Exception):
    """The configuration, the contracts and the inputs do not fit together; `problems` has a sentence for each."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        super().__init__("\n".join([f"{source}:", *(f"  - {problem}" for problem in problems)]))
        self.source = source
        self.problems = tuple(problems)
