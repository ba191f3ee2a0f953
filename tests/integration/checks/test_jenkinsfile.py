"""The linter of the Jenkinsfile."""

from __future__ import annotations

import pytest

from tools.checks.jenkinsfile import lint


@pytest.mark.full
def test_jenkinsfile_has_no_problem() -> None:
    lint()
