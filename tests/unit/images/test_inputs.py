"""The inputs of images, and which images a change affects."""

from __future__ import annotations

import pytest

from tools.errors import ToolError
from tools.images.inputs import affected_services, image_inputs, image_tag
from tools.project import SERVICES
from tools.repository import git


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
def test_file_affects_the_services_that_use_it(file: str, services: tuple[str, ...]) -> None:
    assert affected_services([file]) == list(services)


def test_services_affected_by_any_file_are_returned() -> None:
    assert affected_services(["services/admin/app.py", "README.md", "services/auth/app.py"]) == ["auth", "admin"]


@pytest.mark.parametrize("service", SERVICES)
def test_inputs_contain_no_other_service(service: str) -> None:
    inputs = image_inputs(service)
    assert f"services/{service}/app.py" in inputs
    assert f"openapi/{service}.yaml" in inputs
    foreign = [
        file for file in inputs if file.startswith("services/") and not file.startswith(f"services/{service}/")
    ]
    assert foreign == ["services/__init__.py"]


def test_tag_is_the_last_commit_that_changed_an_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.images.inputs.image_inputs", lambda _: ["docs/decisions/0001-one-distribution.md"])
    commit = image_tag("auth")
    assert len(commit) == 40
    changed = git("show", "--name-only", "--format=", "--diff-merges=first-parent", commit).splitlines()
    assert "docs/decisions/0001-one-distribution.md" in changed


def test_unknown_service_is_rejected() -> None:
    with pytest.raises(ToolError, match="auth, customer"):
        image_inputs("cart")
