"""The stacks export what the clusters need, under the names that are read there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from infra.environment import SERVICES, names
from infra.synth import OUT

READER = (Path(__file__).parents[2] / "tools" / "deployment" / "clusters" / "outputs.py").read_text()


def outputs(environment: str, stack: str) -> set[str]:
    template = json.loads((OUT / environment / f"ReClothes-{environment}-{stack}.template.json").read_text())
    return {name for name in template["Outputs"] if not name.startswith("ExportsOutput")}  # those are CDK's own


def read_by_clusters(constant: str) -> set[str]:
    """The outputs named in a constant of the reader, which the tools of the cloud cannot import."""
    [text] = re.findall(rf"^{constant} = [({{](.*?)[)}}]$", READER, re.MULTILINE | re.DOTALL)
    return set(re.findall(r'"([A-Z]\w+)"', text))


@pytest.mark.parametrize("environment", names())
def test_the_clusters_find_every_output_that_they_read(environment: str) -> None:
    assert read_by_clusters("SHARED_OUTPUTS") == outputs(environment, "clusters")
    zones = {f"{name}{letter}" for name in read_by_clusters("ZONE_OUTPUTS") for letter in "AB"}
    for service in SERVICES:
        assert outputs(environment, f"{service}-network") == read_by_clusters("NETWORK_OUTPUTS") | zones


@pytest.mark.parametrize("environment", names())
def test_only_the_public_keys_can_be_read_by_everybody(environment: str) -> None:
    file = OUT / environment / f"ReClothes-{environment}-clusters.template.json"
    policies = [
        statement
        for resource in json.loads(file.read_text())["Resources"].values()
        if resource["Type"] == "AWS::S3::BucketPolicy"
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow" and statement["Principal"] in ("*", {"AWS": "*"})
    ]
    [public] = policies
    assert public["Action"] == "s3:GetObject"
    files = [resource["Fn::Join"][1][-1] for resource in public["Resource"]]
    assert files == ["/*/.well-known/openid-configuration", "/*/openid/v1/jwks"]
