"""What the rest of the project gives the infrastructure: topology of messages, documents of the gateways, settings.

`python -m infra.inputs FOLDER` writes `FOLDER/<environment>/*.json`. It runs in the project's own virtual
environment, since it reads the services' own declarations; the CDK application runs in another one and reads only
these files. So topics, queues and gateways have one source.
"""

# ruff: noqa: T201 a command prints

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra import environment as environments
from infra.environment import Environment
from infra.network import ranges
from infra.network.data_flow import ENTRY_OWNER
from libs.chassis import topology
from libs.chassis.service import NAMES
from tools.gateway.amazon import Overrides
from tools.gateway.build import GATEWAYS, write_amazon_documents


def topology_of(prefix: str) -> dict[str, Any]:
    """Topics, queues and subscriptions by service, and what all queues have in common."""
    services = {}
    for name in NAMES:
        registry = importlib.import_module(f"services.{name}.events").registry
        services[name] = asdict(topology.describe(registry, prefix))
    return {
        "services": services,
        "notifications_topic": topology.notifications_topic(prefix),
        "max_receives": topology.MAX_RECEIVES,
        "visibility_seconds": topology.VISIBILITY_SECONDS,
        "retention_seconds": topology.RETENTION_SECONDS,
    }


def overrides_of(environment: Environment) -> dict[str, Overrides]:
    """How the two gateways are called there, which pages may read them, and who may call.

    The client VPN translates the addresses of phones to those of the entry subnets.
    """
    entry = ranges.tier_range(environment.ranges[ENTRY_OWNER], ranges.ENTRY)
    company = (str(environment.company_range), str(entry))
    internal = environment.internal_domain
    return {
        "external": Overrides(f"api.{environment.domain}", (f"https://www.{environment.domain}",)),
        "internal": Overrides(f"api.{internal}", (f"https://manage.{internal}",), company, private=True),
    }


def write(folder: Path, environment: Environment) -> None:
    """All inputs of one environment."""
    folder.mkdir(parents=True, exist_ok=True)
    topologies = topology_of(f"reclothes-{environment.name}")
    (folder / "topology.json").write_text(json.dumps(topologies, indent=1) + "\n")
    overrides = overrides_of(environment)
    for gateway in GATEWAYS:
        written = folder / f"{gateway}.json", folder / f"{gateway}-stage.json"
        write_amazon_documents(gateway, *written, overrides=overrides[gateway])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.inputs", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    for name in environments.names():
        write(folder / name, environments.load(name))
        print(f"Inputs of {name}: written to {folder / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
