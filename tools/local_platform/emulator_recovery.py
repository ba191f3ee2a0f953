"""Restore topics, queues and accepted messages that the AWS emulator lost when it was killed.

SNS and SQS lose neither, so the services do not handle it. `aws_emulator_launcher.py` runs this after a restart.
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update

from libs.chassis import clock
from libs.chassis.db import unit_of_work
from libs.chassis.service import running_service
from libs.chassis.tables import OutboxRow
from tools.local_platform.layout_json import load
from tools.local_platform.messaging_resources import create_topology
from tools.local_platform.preparation import acting_as
from tools.project import SERVICES

# Longer than the emulator is unavailable. Inboxes ignore events that were not lost.
REPUBLISH = timedelta(minutes=10)


def main() -> None:
    layout = load(Path(os.environ["RUN_DIR"]))
    for task in (_create_topology, republish):  # all topologies first, so that no subscription is missing
        for name in SERVICES:
            try:
                with acting_as(layout, name):
                    task()
            except Exception:  # continue with the other services
                logging.getLogger(__name__).exception("not repaired: %s of %s", task.__name__, name)


def _create_topology() -> None:
    create_topology(running_service().events)


def republish() -> None:
    """Let the relay publish the recent events of the outbox again."""
    with unit_of_work() as db:
        recent = update(OutboxRow).where(OutboxRow.published_at > clock.now() - REPUBLISH)
        db.execute(recent.values(published_at=None, attempts=0))


if __name__ == "__main__":
    main()
