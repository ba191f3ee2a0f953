"""cdk-nag finds nothing that is not explained, and nothing is explained that it does not find."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import nag


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[nag.Finding]:
    out: Path = tmp_path_factory.mktemp("nag")
    return nag.findings("prod", out)


def test_every_finding_is_explained(found: list[nag.Finding]) -> None:
    reasons = nag.accepted()

    assert found, "cdk-nag did not run"
    assert [str(one) for one in found if not any(reason.explains(one) for reason in reasons)] == []


def test_every_explanation_is_needed(found: list[nag.Finding]) -> None:
    assert [one for one in nag.accepted() if not any(one.explains(finding) for finding in found)] == []


def test_every_explanation_has_a_reason() -> None:
    assert [one for one in nag.accepted() if len(one.reason) < 20] == []
