"""A roll-out goes through whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools.release import releases as module
from tools.release.releases import HelmReleases, RenderedReleases
from tools.release.rollout import ReleaseFailed, RolledBack, StuckBetween, roll_out

TAGS = {"auth": "a" * 40, "shopping": "b" * 40, "billing": "c" * 40}


def well() -> str | None:
    return None


@pytest.fixture
def rendered(tmp_path: Path) -> RenderedReleases:
    return RenderedReleases(tmp_path, lambda service, tag: f"{service}@{tag}\n")


def running(folder: Path, service: str) -> str:
    return (folder / service / f"{(folder / service / 'current').read_text().strip()}.yaml").read_text()


def test_a_roll_out_brings_every_service_to_its_tag(rendered: RenderedReleases, tmp_path: Path) -> None:
    told: list[str] = []
    roll_out(TAGS, rendered, well, told.append)
    assert {service: running(tmp_path, service) for service in TAGS} == {
        service: f"{service}@{tag}\n" for service, tag in TAGS.items()
    }
    assert told == [f"{service}: to {tag[:12]} (was nothing)" for service, tag in TAGS.items()]


def test_when_the_check_fails_all_services_go_back_the_last_one_first(
    rendered: RenderedReleases, tmp_path: Path
) -> None:
    roll_out(TAGS, rendered, well, lambda _: None)
    told: list[str] = []
    with pytest.raises(RolledBack, match="the smoke test failed"):
        roll_out(dict.fromkeys(TAGS, "d" * 40), rendered, lambda: "the smoke test failed", told.append)
    assert told[3:] == ["billing: back to revision 1", "shopping: back to revision 1", "auth: back to revision 1"]
    assert running(tmp_path, "auth") == f"auth@{TAGS['auth']}\n"


def test_the_first_release_of_all_goes_back_to_nothing(rendered: RenderedReleases) -> None:
    with pytest.raises(RolledBack):
        roll_out(TAGS, rendered, lambda: "no", lambda _: None)
    assert [rendered.current(service) for service in TAGS] == [None, None, None]


def test_a_service_that_does_not_come_up_takes_the_earlier_ones_back(tmp_path: Path) -> None:
    def render(service: str, tag: str) -> str:
        if service == "shopping" and tag.startswith("e"):
            raise ReleaseFailed("its migration failed")
        return tag

    rendered = RenderedReleases(tmp_path, render)
    roll_out(TAGS, rendered, well, lambda _: None)
    with pytest.raises(RolledBack, match="shopping did not come up: its migration failed"):
        roll_out(dict.fromkeys(TAGS, "e" * 40), rendered, well, lambda _: None)
    assert [running(tmp_path, service) for service in TAGS] == list(TAGS.values())


def test_a_revision_is_never_written_over(rendered: RenderedReleases, tmp_path: Path) -> None:
    rendered.upgrade("auth", "one")
    rendered.upgrade("auth", "two")
    rendered.roll_back("auth", "1")
    rendered.upgrade("auth", "three")
    assert rendered.current("auth") == "3"
    assert sorted(file.name for file in (tmp_path / "auth").glob("*.yaml")) == ["1.yaml", "2.yaml", "3.yaml"]
    with pytest.raises(ReleaseFailed, match="no revision 7 of auth"):
        rendered.roll_back("auth", "7")


class Stuck(RenderedReleases):
    def roll_back(self, service: str, revision: str | None) -> None:
        if service == "shopping":
            raise ReleaseFailed("the cluster is away")
        super().roll_back(service, revision)


def test_what_does_not_go_back_is_told_and_the_others_still_do(tmp_path: Path) -> None:
    stuck = Stuck(tmp_path, lambda service, tag: tag)
    with pytest.raises(StuckBetween, match="shopping: the cluster is away"):
        roll_out(TAGS, stuck, lambda: "errors", lambda _: None)
    assert stuck.current("auth") is None
    assert stuck.current("shopping") == "1"


class FakeHelm:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.listed: list[dict[str, str]] = []

    def __call__(self, command: Sequence[str]) -> str:
        self.calls.append(list(command))
        return json.dumps(self.listed) if command[1] == "list" else ""


@pytest.fixture
def helm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHelm:
    place = tmp_path / "helm" / "environments" / "dev"
    place.mkdir(parents=True)
    (place / "common.yaml").write_text("domain: dev.reclothes.example\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return FakeHelm()


def test_helm_is_told_cluster_chart_values_and_image(helm: FakeHelm, tmp_path: Path) -> None:
    HelmReleases("dev", "helm4", helm).upgrade("auth", TAGS["auth"])
    [call] = helm.calls
    values = [
        str(Path(call[number + 1]).relative_to(tmp_path)) for number, word in enumerate(call) if word == "--values"
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


def test_helm_goes_back_to_the_revision_that_ran(helm: FakeHelm) -> None:
    helm.listed = [{"revision": "12"}]
    releases = HelmReleases("dev", "helm", helm)
    with pytest.raises(RolledBack):
        roll_out({"auth": TAGS["auth"]}, releases, lambda: "errors", lambda _: None)
    assert [call[1] for call in helm.calls] == ["list", "upgrade", "rollback"]
    assert helm.calls[-1][2:4] == ["auth", "12"]


def test_helm_takes_a_first_release_away_again(helm: FakeHelm) -> None:
    releases = HelmReleases("dev", "helm", helm)
    with pytest.raises(RolledBack):
        roll_out({"auth": "sha256:abc"}, releases, lambda: "errors", lambda _: None)
    assert helm.calls[-1][1] == "uninstall"
    assert "image.digest=sha256:abc" in helm.calls[1]


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(ReleaseFailed, match="no such release"):
        module.run(["sh", "-c", "echo no such release >&2; exit 1"])
