"""Create tables, topics, queues and buckets before the services start, and load the demo data.

One process does this for all services, one after the other, each with its own settings.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from libs.chassis import aws, service
from libs.chassis.migrations import migrate
from libs.chassis.service import Service
from libs.chassis.settings import settings
from tools.local_platform import credentials, environment, messaging_resources
from tools.local_platform.layout import Layout
from tools.project import SERVICES


@contextmanager
def acting_as(layout: Layout, name: str) -> Iterator[Service]:
    """Use the environment and the settings of one service for the time of the block."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment.service_settings(layout, credentials.ensure(layout), name))
    try:
        started = service.start_process(name)
        yield started
    finally:
        os.environ.clear()
        os.environ.update(before)


def prepare(layout: Layout) -> None:
    """Migrate every database, and create the resources in the emulators."""
    for name in SERVICES:
        with acting_as(layout, name) as started:
            migrate(name, settings().database_url)
            messaging_resources.create_topology(started.events)
            if name == "auth":
                _create_push_application()
            if name == "shopping":
                importlib.import_module("services.shopping.photos.photo_files").photo_bucket().create_if_missing()
            if name == "admin":
                importlib.import_module("services.admin.checks.photos").photo_bucket().create_if_missing()
            if name == "customer":
                importlib.import_module(
                    "services.customer.donating_orders.photos"
                ).photo_bucket().create_if_missing()


def _create_push_application() -> None:
    """Create the SNS application for Google's push service, which needs a real key in production."""
    key = {"PlatformCredential": "local"}
    sns = aws.client("sns")
    sns.create_platform_application(Name=environment.PUSH_APPLICATION, Platform="GCM", Attributes=key)


def load_demo_data(layout: Layout) -> None:
    """Load the demo data of each service; existing data is kept."""
    for name in SERVICES:
        if importlib.util.find_spec(f"services.{name}.demo") is None:
            continue
        with acting_as(layout, name):
            importlib.import_module(f"services.{name}.demo").load()
    layout.demo_marker.touch()


@click.command()
@click.argument("step", type=click.Choice(["prepare", "demo-data"]))
def main(step: str) -> None:
    """Prepare the platform of RUNNER_LAYOUT (used by `reclothes run`)."""
    from tools.local_platform.layout_json import from_environment

    layout = from_environment()
    prepare(layout) if step == "prepare" else load_demo_data(layout)


if __name__ == "__main__":
    sys.exit(main())
