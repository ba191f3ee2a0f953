"""Which permissions each kind of holder can have."""

from __future__ import annotations

import pytest

from libs.chassis.problems import Unprocessable
from services.auth.roles import permissions
from services.auth.roles.permissions import Permission

CATALOGUE = {
    name: Permission(name, name, holders)
    for name, holders in {
        "shopping:cart": ("customer", "application"),
        "auth:session": ("customer", "internal"),
        "auth:roles:write": ("internal",),
        "shopping:holds": ("service",),
    }.items()
}


@pytest.fixture(autouse=True)
def _catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions, "load_catalogue", lambda: CATALOGUE)


@pytest.mark.parametrize(
    ("names", "holder", "pointers"),
    [
        ([], "internal", []),
        (["auth:session", "auth:roles:write"], "internal", []),
        (["auth:session", "shopping:holds"], "internal", ["/scopes/1"]),
        (["no:such", "shopping:cart"], "internal", ["/scopes/0", "/scopes/1"]),
        (["shopping:cart"], "application", []),
        (["auth:session"], "application", ["/scopes/0"]),
        (["shopping:cart"], "machine", ["/scopes/0"]),
    ],
)
def test_a_permission_is_rejected_for_a_kind_of_holder_that_cannot_have_it(
    names: list[str], holder: str, pointers: list[str]
) -> None:
    if not pointers:
        permissions.require_holdable(names, holder, "/scopes")
        return
    with pytest.raises(Unprocessable) as caught:
        permissions.require_holdable(names, holder, "/scopes")
    assert [error["pointer"] for error in caught.value.errors or []] == pointers
