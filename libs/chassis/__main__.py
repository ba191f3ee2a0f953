"""The processes of a service: `python -m libs.chassis <command> <service>`."""

from __future__ import annotations

import argparse
import json
import os
import sys

from libs.chassis.service import NAMES, start_process
from libs.chassis.settings import ROOT, SettingsError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m libs.chassis", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("serve", "serve HTTPS requests (gunicorn)"),
        ("worker", "process messages from the queues and run periodic jobs"),
        ("relay", "publish the outbox to SNS"),
        ("migrate", "migrate the database to a revision"),
        ("discrepancies", "list states that other domains contradict and that no repair ended"),
        ("dead-letters", "list messages that failed too often, or return them to their queues"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        # An image contains one service, which its environment names.
        default = os.environ.get("RECLOTHES_SERVICE")
        command.add_argument("service", choices=NAMES, nargs="?" if default else None, default=default)
        if name == "worker":
            command.add_argument("--with-relay", action="store_true", help="run the relay in this process too")
        if name == "migrate":
            command.add_argument("--to", default="head", help="revision; 'base' reverts all migrations")
            command.add_argument(
                "--let", metavar="USER", help="grant this user of MySQL the rights that serving requires"
            )
        if name == "dead-letters":
            command.add_argument("--replay", metavar="ID", help="return one by event or message id; 'all' for all")
    return parser


def _migrate(service: str, revision: str, user: str | None) -> None:
    """A migration gets the database only, and none of the other settings or secrets of the service."""
    from libs.chassis.database_rights import grant
    from libs.chassis.migrations import migrate
    from libs.chassis.service import load_service

    url = os.environ.get("RECLOTHES_DATABASE_URL")
    if not url:
        raise SystemExit("RECLOTHES_DATABASE_URL is not set. Set it to the database to migrate.")
    ca_file = os.environ.get("RECLOTHES_CA_FILE")
    migrate(service, url, revision, ca_file=ca_file)
    if user:
        grant(load_service(service).metadata, url, user, ca_file)


def main() -> None:
    arguments = _parser().parse_args()
    if arguments.command == "serve":
        os.chdir(ROOT)
        target = f"libs.chassis.app:application('{arguments.service}')"
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", "libs/chassis/gunicorn_conf.py", target]
        os.execv(sys.executable, gunicorn)  # noqa: S606 the same interpreter, no shell
    if arguments.command == "migrate":
        _migrate(arguments.service, arguments.to, arguments.let)
        return
    try:
        service = start_process(arguments.service)
    except SettingsError as error:
        raise SystemExit(str(error)) from None
    from libs.chassis import dead_letters, discrepancies, worker

    if arguments.command == "worker":
        worker.run(service.events, with_relay=arguments.with_relay)
    elif arguments.command == "relay":
        worker.run(service.events, consume=False, with_relay=True)
    elif arguments.command == "discrepancies":
        for discrepancy in discrepancies.list_reported():
            print(json.dumps(discrepancy))  # noqa: T201
    elif arguments.replay:
        count = dead_letters.replay(service.events, None if arguments.replay == "all" else arguments.replay)
        print(f"{count} returned")  # noqa: T201
    else:
        for letter in dead_letters.list_messages(service.events):
            print(json.dumps(letter))  # noqa: T201


if __name__ == "__main__":
    main()
