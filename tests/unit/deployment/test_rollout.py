"""A roll-out upgrades all services, or rolls all of them back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools.deployment import targets
from tools.deployment.rollout import RollbackFailed, RolledBack, roll_out
from tools.deployment.targets import HelmClusters, ReleaseFiles
from tools.errors import ToolError
from tools.project import ROOT

TAGS = {"auth": "a" * 40, "shopping": "b" * 40, "billing": "c" * 40}


def healthy() -> str | None:
    return None


@pytest.fixture
def rendered(tmp_path: Path) -> ReleaseFiles:
    return ReleaseFiles(tmp_path, lambda service, tag: f"{service}@{tag}\n")


def running(folder: Path, service: str) -> str:
    return (folder / service / f"{(folder / service / 'current').read_text().strip()}.yaml").read_text()


def test_roll_out_upgrades_every_service(rendered: ReleaseFiles, tmp_path: Path) -> None:
    reports: list[str] = []
    roll_out(TAGS, rendered, healthy, reports.append)
    assert {service: running(tmp_path, service) for service in TAGS} == {
        service: f"{service}@{tag}\n" for service, tag in TAGS.items()
    }
    assert reports == [f"{service}: upgrade to {tag[:12]} (deployed: no release)" for service, tag in TAGS.items()]


def test_failed_check_rolls_all_services_back_in_reverse_order(rendered: ReleaseFiles, tmp_path: Path) -> None:
    roll_out(TAGS, rendered, healthy, lambda _: None)
    reports: list[str] = []
    with pytest.raises(RolledBack, match="the smoke test failed"):
        roll_out(dict.fromkeys(TAGS, "d" * 40), rendered, lambda: "the smoke test failed", reports.append)
    assert reports[3:] == [
        "billing: roll back to revision 1",
        "shopping: roll back to revision 1",
        "auth: roll back to revision 1",
    ]
    assert running(tmp_path, "auth") == f"auth@{TAGS['auth']}\n"


def test_roll_back_of_a_first_release_removes_it(rendered: ReleaseFiles) -> None:
    with pytest.raises(RolledBack):
        roll_out(TAGS, rendered, lambda: "no", lambda _: None)
    assert [rendered.current_revision(service) for service in TAGS] == [None, None, None]


def test_failed_upgrade_rolls_the_earlier_services_back(tmp_path: Path) -> None:
    def render(service: str, tag: str) -> str:
        if service == "shopping" and tag.startswith("e"):
            raise ToolError("its migration failed")
        return tag

    rendered = ReleaseFiles(tmp_path, render)
    roll_out(TAGS, rendered, healthy, lambda _: None)
    with pytest.raises(RolledBack, match="shopping did not start: its migration failed"):
        roll_out(dict.fromkeys(TAGS, "e" * 40), rendered, healthy, lambda _: None)
    assert [running(tmp_path, service) for service in TAGS] == list(TAGS.values())


def test_revisions_are_never_overwritten(rendered: ReleaseFiles, tmp_path: Path) -> None:
    rendered.upgrade("auth", "one")
    rendered.upgrade("auth", "two")
    rendered.roll_back("auth", "1")
    rendered.upgrade("auth", "three")
    assert rendered.current_revision("auth") == "3"
    assert sorted(file.name for file in (tmp_path / "auth").glob("*.yaml")) == ["1.yaml", "2.yaml", "3.yaml"]
    with pytest.raises(ToolError, match="no revision 7 of auth"):
        rendered.roll_back("auth", "7")


class Stuck(ReleaseFiles):
    def roll_back(self, service: str, revision: str | None) -> None:
        if service == "shopping":
            raise ToolError("the cluster is unavailable")
        super().roll_back(service, revision)


def test_failed_roll_back_is_reported_and_the_others_continue(tmp_path: Path) -> None:
    stuck = Stuck(tmp_path, lambda service, tag: tag)
    with pytest.raises(RollbackFailed, match="shopping: the cluster is unavailable"):
        roll_out(TAGS, stuck, lambda: "errors", lambda _: None)
    assert stuck.current_revision("auth") is None
    assert stuck.current_revision("shopping") == "1"


class FakeHelm:
    """Records its calls."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.listed: list[dict[str, str]] = []

    def __call__(self, command: Sequence[str]) -> str:
        self.calls.append(list(command))
        return json.dumps(self.listed) if command[1] == "list" else ""


@pytest.fixture
def helm() -> FakeHelm:
    return FakeHelm()


def test_helm_gets_cluster_chart_values_and_image(helm: FakeHelm) -> None:
    HelmClusters("dev", "helm4", helm).upgrade("auth", TAGS["auth"])
    [call] = helm.calls
    values = [
        str(Path(call[number + 1]).relative_to(ROOT)) for number, word in enumerate(call) if word == "--values"
    ]
    assert call[:4] == ["helm4", "upgrade", "--install", "auth"]
    assert values == [
        "helm/values/auth.yaml",
        "helm/environments/dev/common.yaml",
        "helm/environments/dev/auth.yaml",
    ]
    assert call[call.index("--kube-context") + 1] == "auth.k8s.dev.reclothes.example"
    assert call[call.index("--set-string") + 1] == f"image.tag={TAGS['auth']}"
    assert {"--wait", "--rollback-on-failure"} <= set(call)


def test_helm_rolls_back_to_the_previous_revision(helm: FakeHelm) -> None:
    helm.listed = [{"revision": "12"}]
    releases = HelmClusters("dev", "helm", helm)
    with pytest.raises(RolledBack):
        roll_out({"auth": TAGS["auth"]}, releases, lambda: "errors", lambda _: None)
    assert [call[1] for call in helm.calls] == ["list", "upgrade", "rollback"]
    assert helm.calls[-1][2:4] == ["auth", "12"]


def test_helm_uninstalls_a_first_release(helm: FakeHelm) -> None:
    releases = HelmClusters("dev", "helm", helm)
    with pytest.raises(RolledBack):
        roll_out({"auth": "sha256:abc"}, releases, lambda: "errors", lambda _: None)
    assert helm.calls[-1][1] == "uninstall"
    assert "image.digest=sha256:abc" in helm.calls[1]


def test_failed_command_reports_its_error() -> None:
    with pytest.raises(ToolError, match="no such release"):
        targets.run(["sh", "-c", "echo no such release >&2; exit 1"])
