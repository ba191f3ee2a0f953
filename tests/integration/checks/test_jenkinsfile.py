"""The linter of the Jenkinsfile."""

from __future__ import annotations

import pytest

from tools.checks.jenkinsfile import lint


@pytest.mark.full
def test_it_has_nothing_to_say() -> None:
    lint()
