"""The linter of the Jenkinsfile."""

from __future__ import annotations

import pytest

from tools.release.jenkins_lint import lint


@pytest.mark.full
def test_it_has_nothing_to_say() -> None:
    lint()
