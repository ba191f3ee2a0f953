"""The Jenkinsfile calls only make targets, in the order of their dependencies, like `make pipeline`."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tools.errors import ToolError
from tools.project import ENVIRONMENTS, ROOT
from tools.release import pipeline
from tools.release.pipeline import STAGES, Stage, choose, run_stages

JENKINSFILE = (ROOT / "Jenkinsfile").read_text()
STAGE = re.compile(r"^ {8}stage\('([^']+)'\) \{$", re.MULTILINE)
SHELL = re.compile(r"""\bsh\s*\(?\s*(['"])(.*?)\1""")


def stages_of_jenkins() -> dict[str, str]:
    """Each stage's name and its text, in order."""
    parts = STAGE.split(JENKINSFILE.partition("\n    post {")[0])
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def steps_of(text: str) -> list[str]:
    return [found[2] for found in SHELL.finditer(text)]


def targets_of(step: str) -> list[str]:
    """The targets of a `make …`, without its variables."""
    command, *words = re.sub(r"\$\{[^}]*\}", "", step).split()
    assert command == "make", step
    return [word for word in words if "=" not in word]


def targets_of_makefile() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def all_targets() -> list[str]:
    return [target for step in steps_of(JENKINSFILE) for target in targets_of(step)]


def test_every_step_is_an_existing_make_target() -> None:
    assert len(all_targets()) > 15
    assert set(all_targets()) <= targets_of_makefile()


def test_every_target_has_a_help_line() -> None:
    report = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in set(all_targets()):
        assert re.search(rf"^  make {target} +\S", report, re.MULTILINE), target


def test_jenkins_and_make_pipeline_call_the_same_targets() -> None:
    # Locally there is no registry to log in to, and the smoke test starts its own platform.
    only_jenkins = {"setup", "registry-login", "smoke"}
    here = {word for stage in STAGES for target in stage.calls for word in target if "=" not in word}
    assert set(all_targets()) - only_jenkins == here - {"smoke-here"}


def test_stages_come_after_their_dependencies() -> None:
    order = [
        target for text in stages_of_jenkins().values() for step in steps_of(text) for target in targets_of(step)
    ]
    for earlier, later in (
        ("setup", "lint"), ("test", "changed-images"), ("compatibility", "push-changed-images"),
        ("migrations", "deploy"), ("changed-images", "push-changed-images"), ("secrets", "push-changed-images"),
        ("audit", "push-changed-images"), ("push-changed-images", "deploy"), ("helm-lint", "deploy"),
    ):  # fmt: skip
        assert order.index(earlier) < order.index(later), (earlier, later)


def test_environments_are_deployed_in_order_and_two_need_an_approval() -> None:
    assert re.findall(r"make deploy ENV=(\w+)", JENKINSFILE) == list(ENVIRONMENTS)
    names = list(stages_of_jenkins())
    for environment in ("staging", "production"):
        approval = names.index(f"Approve {environment}")
        assert names[approval + 1] == f"Promote to {environment}"
        assert "submitter" in stages_of_jenkins()[f"Approve {environment}"]
    names = [stage.name for stage in STAGES if stage.needs_approval]
    assert names == ["staging", "production"]


def test_deployments_are_checked_by_smoke_test_and_error_rate() -> None:
    for name, text in stages_of_jenkins().items():
        if "make deploy" in text:
            assert re.search(r"make deploy ENV=\w+ URL=https://", text), name
            assert "PROMETHEUS = 'https://" in text, name
            assert "KUBECONFIG" in text, name
            assert "SMOKE_PASSWORD" in text, name


def test_only_main_pushes_and_deploys() -> None:
    for name, text in stages_of_jenkins().items():
        if re.search(r"push|deploy|Approve|Publish", name + text):
            assert "branch 'main'" in text, name


def test_jenkinsfile_contains_no_secret() -> None:
    for found in re.finditer(r"(?i)\b\w*(password|token|secret|key)\w*\s*[:=]\s*(\S+)", JENKINSFILE):
        assert found[2].startswith(("'SMOKE_PASSWORD'", "'REGISTRY_PASSWORD'")), found[0]
    assert "credentials('reclothes-ecr-registry')" in JENKINSFILE


def test_result_is_reported_by_chat_and_mail() -> None:
    after = JENKINSFILE.partition("\n    post {")[2]
    assert "slackSend" in after.partition("failure")[0]
    assert "emailext" in after


def stage(name: str, *targets: str) -> Stage:
    return Stage(name, name, tuple(tuple(target.split()) for target in targets))


@pytest.fixture
def makefile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Makefile").write_text("fine:\n\t@echo fine $(PLACE)\nbroken:\n\t@echo the reason; exit 3\n")
    monkeypatch.setattr(pipeline, "ROOT", tmp_path)
    return tmp_path


def test_stages_after_a_failure_are_skipped_and_the_log_is_shown(makefile: Path) -> None:
    report: list[str] = []
    stages = [stage("a", "fine"), stage("b", "broken", "fine"), stage("c", "fine")]
    outcomes = run_stages(stages, report.append, logs=makefile, variables={"PLACE": "here"})
    assert [outcome.status for outcome in outcomes] == ["passed", "failed", "skipped"]
    assert (makefile / "a.log").read_text() == "$ make --no-print-directory fine PLACE=here\nfine here\n"
    assert "the reason" in "\n".join(report)
    assert "fine here" not in (makefile / "b.log").read_text()


def test_keep_going_runs_the_stages_after_a_failure(makefile: Path) -> None:
    stages = [stage("a", "broken"), stage("b", "fine")]
    outcomes = run_stages(stages, lambda _: None, logs=makefile, keep_going=True)
    assert [outcome.status for outcome in outcomes] == ["failed", "passed"]


def test_stages_are_chosen_by_name() -> None:
    assert [one.name for one in choose(["scan", "lint"], [])] == ["lint", "scan"]
    assert "test" not in [one.name for one in choose([], ["test"])]
    with pytest.raises(ToolError, match=r"'tests'\. Choose from lint, test"):
        choose(["tests"], [])
