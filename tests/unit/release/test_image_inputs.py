"""Which images a change concerns."""

from __future__ import annotations

import pytest

from tools.release.image_inputs import affected_services, inputs_of, tag_of
from tools.release.project import SERVICES, ReleaseError, git


@pytest.mark.parametrize(
    ("file", "services"),
    [
        ("services/billing/app.py", ("billing",)),
        ("services/auth/migrations/versions/0001_first_tables.py", ("auth",)),
        ("openapi/locker.yaml", ("locker",)),
        ("openapi/components/schemas.yaml", SERVICES),
        ("libs/chassis/app.py", SERVICES),
        ("libs/chassis/gunicorn_conf.py", SERVICES),
        ("libs/chassis/door_codes.py", ("locker",)),
        ("tools/local_platform/cli.py", ()),
        ("tools/gateway/build.py", ()),
        ("tests/conftest.py", ()),
        ("docs/development.md", ()),
        ("gateway-config/external.yaml", ()),
    ],
)
def test_a_file_concerns_whoever_runs_it(file: str, services: tuple[str, ...]) -> None:
    assert affected_services([file]) == list(services)


def test_several_files_concern_whom_any_of_them_concerns() -> None:
    assert affected_services(["services/admin/app.py", "README.md", "services/auth/app.py"]) == ["auth", "admin"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_made_of_its_own_files_and_of_no_other_service(service: str) -> None:
    inputs = inputs_of(service)
    assert f"services/{service}/app.py" in inputs
    assert f"openapi/{service}.yaml" in inputs
    foreign = [
        file for file in inputs if file.startswith("services/") and not file.startswith(f"services/{service}/")
    ]
    assert foreign == ["services/__init__.py"]


def test_an_image_is_of_the_last_commit_that_changed_an_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tools.release.image_inputs.inputs_of", lambda _: ["docs/decisions/0001-one-distribution.md"]
    )
    commit = tag_of("auth")
    assert len(commit) == 40
    changed = git("show", "--name-only", "--format=", "--diff-merges=first-parent", commit).splitlines()
    assert "docs/decisions/0001-one-distribution.md" in changed


def test_a_service_that_is_none_is_told_with_those_that_are() -> None:
    with pytest.raises(ReleaseError, match="auth, customer"):
        inputs_of("cart")
