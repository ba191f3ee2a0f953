"""A template that is about to outgrow CloudFormation stops the synthesis, with what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra import synth
from infra.environment import OUT
from infra.limits import MOST_BYTES, TemplateTooBig, complaints_of, refuse_big_templates
from infra.tests.support import ENVIRONMENTS


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_there_is_room_in_every_template(environment: str) -> None:
    refuse_big_templates(OUT / environment)


def written(folder: Path, size: int, resources: int = 1) -> Path:
    """A template of so many bytes."""
    file = folder / "ReClothes-prod-internal-gateway.template.json"
    body = {"Resources": {f"R{number}": {} for number in range(resources)}, "Description": ""}
    body["Description"] = "x" * (size - len(json.dumps(body)))
    file.write_text(json.dumps(body))
    return file


def test_one_that_has_nearly_a_million_bytes_is_refused(tmp_path: Path) -> None:
    assert complaints_of(written(tmp_path, 950_000)) == []
    written(tmp_path, 950_001)

    with pytest.raises(TemplateTooBig, match=r"internal-gateway.* has 950,001 bytes.* 1,000,000.*BodyS3Location"):
        refuse_big_templates(tmp_path)


def test_one_with_too_many_resources_is_refused(tmp_path: Path) -> None:
    [complaint] = complaints_of(written(tmp_path, MOST_BYTES // 2, resources=480))

    assert "480 resources" in complaint
    assert "a stack of its own" in complaint


def test_the_synthesis_fails_with_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def too_big(name: str) -> Path:
        raise TemplateTooBig(f"{name} has too much")

    monkeypatch.setattr(synth, "synthesize", too_big)

    assert synth.main(["dev"]) == 2
    assert "dev has too much" in capsys.readouterr().err
