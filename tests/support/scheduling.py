"""Which tests one worker runs together, and in which order the workers take them."""

from __future__ import annotations

import re

import pytest
from xdist.scheduler import LoadScopeScheduling

# Folders whose tests share gateways, an API server or images of their own: one worker runs all of them.
TOGETHER = ("tests/integration/gateway", "tests/helm", "tests/images")
# On the servers they run in one worker: attacks change settings and end the sessions of the demo accounts.
ON_A_PLATFORM = ("tests/acceptance/", "tests/attacks/", "tests/security/")
ON_SERVERS = re.compile(r"[\[-]servers[\]-]")
# Long units of work start first, so that short ones fill the end of the run.
FIRST = ("tests/acceptance/", "tests/attacks/", "tests/security/", "tests/images/", "tests/integration/gateway/")


class Scheduling(LoadScopeScheduling):
    """Distribute files, or the folders of TOGETHER, over the workers in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith(ON_A_PLATFORM) and ON_SERVERS.search(nodeid):
            return "the platform of the servers"
        return next((folder for folder in TOGETHER if file.startswith(folder + "/")), file)


def longest_first(items: list[pytest.Item]) -> None:
    """Sort collected tests by FIRST; the order within a file stays."""

    def rank(item: pytest.Item) -> int:
        return next((number for number, folder in enumerate(FIRST) if item.nodeid.startswith(folder)), len(FIRST))

    items.sort(key=rank)
