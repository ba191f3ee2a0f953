"""Helm itself installs, upgrades, rolls back and removes a release; the API of the cluster is a fake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helm import fake_cluster
from tests.helm.fake_cluster import Cluster
from tools.deployment.charts import CHART, release_arguments
from tools.deployment.helm import helm
from tools.errors import ToolError

Run = Callable[..., str]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with fake_cluster.running(tmp_path / "kubeconfig") as running:
        yield running


@pytest.fixture
def run(tmp_path: Path, cluster: Cluster) -> Run:
    def run_helm(*arguments: str) -> str:
        return helm(*arguments, kubeconfig=tmp_path / "kubeconfig", seconds=90)

    return run_helm


def release(run: Run, tag: str, *more: str) -> str:
    waits = ("--wait", "--timeout", "30s", *more)
    return run("upgrade", "--install", "locker", str(CHART), *release_arguments("locker", "prod", tag, *waits))


def image_of(cluster: Cluster, kind: str, name: str) -> Any:
    return cluster.get(kind, name)["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2]


def placed(changes: list[tuple[str, str, str]], kind: str, name: str) -> int:
    return next(place for place, change in enumerate(changes) if change[1:] == (kind, name))


def sent(cluster: Cluster) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the objects that Helm sent, without the fields that the cluster adds."""
    return {
        key: {name: value for name, value in document.items() if name not in ("metadata", "status")}
        for key, document in cluster.objects.items()
        if key[0] != "secrets"
    }


def test_install_upgrade_rollback_and_uninstall(cluster: Cluster, run: Run) -> None:
    # The first installation: what pods need before the pods, the migration last.
    release(run, "one")
    assert cluster.names("Deployment") == {"locker", "locker-worker", "locker-relay"}
    first = list(cluster.changes)
    for needed in (("ServiceAccount", "locker"), ("ConfigMap", "locker"), ("NetworkPolicy", "locker-nothing")):
        assert placed(first, *needed) < placed(first, "Deployment", "locker")
    assert placed(first, "Job", "locker-migration") > placed(first, "Deployment", "locker")
    assert cluster.names("Job") == set(), "a migration that succeeded is taken away"

    # An upgrade: the migration before the first new pod, nothing else than the image changed.
    before = sent(cluster)
    cluster.changes.clear()
    release(run, "two")
    assert placed(cluster.changes, "Job", "locker-migration") < placed(cluster.changes, "Deployment", "locker")
    assert image_of(cluster, "Deployment", "locker") == "two"
    assert [change for change in cluster.changes if change[0] == "delete"] == [
        ("delete", "Job", "locker-migration")
    ]
    now = sent(cluster)
    different = {name for name in now if now[name] != before.get(name)}
    assert different == {
        ("deployments", "locker"),
        ("deployments", "locker-relay"),
        ("deployments", "locker-worker"),
        ("cronjobs", "locker-dead-letters"),
    }

    # The same again changes nothing, and its migration runs once more.
    cluster.changes.clear()
    release(run, "two")
    assert sent(cluster) == now
    assert ("create", "Job", "locker-migration") in cluster.changes

    # Back to the first: the manifests of then.
    cluster.changes.clear()
    run("rollback", "locker", "1", "--namespace", "locker", "--wait", "--timeout", "30s")
    assert image_of(cluster, "Deployment", "locker") == "one"
    assert image_of(cluster, "Deployment", "locker-worker") == "one"
    assert not [change for change in cluster.changes if change[1] == "Job"], "a roll-back migrates nothing"
    assert "Rollback to 1" in run("history", "locker", "--namespace", "locker")

    # Removal by name leaves nothing.
    run("uninstall", "locker", "--namespace", "locker", "--wait", "--timeout", "30s")
    assert cluster.objects == {}


def test_failed_migration_stops_the_upgrade(cluster: Cluster, run: Run) -> None:
    release(run, "one")
    cluster.failing_jobs = True
    with pytest.raises(ToolError, match=r"(?i)pre-upgrade hooks failed"):
        release(run, "two")
    assert image_of(cluster, "Deployment", "locker") == "one"
    assert cluster.names("Job") == {"locker-migration"}, "it stays to be looked at"
    cluster.failing_jobs = False
    release(run, "three")
    assert image_of(cluster, "Deployment", "locker") == "three"
