"""Normalize all stored email addresses, for example after an import: `normalize_emails [--dry-run]`.

Idempotent: a normalized address is not changed. An address that is invalid, or whose normal form belongs to another
account, stays as it is and is reported by the id of its account.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from libs.chassis import email_addresses
from libs.chassis.db import unit_of_work
from libs.chassis.service import start_process
from services.auth import audit_trail
from services.auth.accounts.tables import User

BATCH_SIZE = 500


@dataclass
class Report:
    """The ids of accounts whose address was changed, belongs to another account too, or is not valid."""

    changed: list[str] = field(default_factory=list)
    duplicate: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)


def normalize_all(*, dry_run: bool) -> Report:
    """Normalize all addresses, each in its own transaction; with `dry_run` only report."""
    report, claimed = Report(), set[str]()
    for user_id, email in _list_stored():
        try:
            address = email_addresses.extract(email)
        except ValueError:
            report.invalid.append(user_id)
            continue
        if address == email:
            continue
        is_free = address not in claimed and not _is_taken(address)
        if is_free and (dry_run or _change(user_id, email, address)):
            claimed.add(address)
            report.changed.append(user_id)
        else:
            report.duplicate.append(user_id)
    return report


def _list_stored() -> Iterator[tuple[str, str]]:
    """The id and address of every account that is not removed."""
    last = ""
    while True:
        following = select(User.id, User.email).where(User.id > last, User.state != "removed")
        with unit_of_work(reads_only=True) as db:
            rows = [(row.id, row.email) for row in db.execute(following.order_by(User.id).limit(BATCH_SIZE))]
        yield from rows
        if len(rows) < BATCH_SIZE:
            return
        last = rows[-1][0]


def _is_taken(address: str) -> bool:
    with unit_of_work(reads_only=True) as db:
        return address in db.scalars(select(User.email).where(User.email == address)).all()


def _change(user_id: str, before: str, address: str) -> bool:
    """False when another account took the address meanwhile."""
    try:
        with unit_of_work() as db:
            user = db.get_one(User, user_id, with_for_update=True)
            if user.email == before:
                user.email = address
                user.version += 1
                audit_trail.record(user, "normalize_email_address")
    except IntegrityError:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m services.auth.accounts.normalize_emails", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="report what would change, and change nothing")
    arguments = parser.parse_args()
    start_process("auth")
    print(json.dumps(asdict(normalize_all(dry_run=arguments.dry_run)), indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
