"""Names in templates, and the ids of what another stack has made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

SERVICES = ("auth", "customer", "shopping", "billing", "admin", "locker")


def logical(name: str) -> str:
    """A logical id of CloudFormation: only letters and digits, each word with a capital."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name))


def subnet_ids(subnets: Sequence[Any]) -> list[str]:
    return [subnet.ref for subnet in subnets]


def group_id(group: Any) -> str:
    return str(group.attr_group_id)
