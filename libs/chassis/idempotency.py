"""Idempotency-Key: a repeated request is executed once, also across a crash.

A key is claimed in its own short transaction, together with a seed for the ids that the handler creates. The
response is stored in the handler's transaction, so that effect and response are committed together. The key is
leased for a few seconds, and the lease is renewed while the handler runs. The end of the lease, as its holder wrote
it last, identifies the holder: a process that was paused for longer than the lease, so that a repeat claimed the
key, can no longer change the row, and its handler is rolled back. After a crash the lease expires, and a repeat
runs the handler again with the same ids (`stable_id`), so that it finds what the first run created, here and at
peers. Only successes are stored: after an error a repeat runs the handler again. Draft: IETF httpapi "The
Idempotency-Key HTTP Header Field".
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import uuid
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from libs.chassis import clock
from libs.chassis.db import session, unit_of_work
from libs.chassis.leases import Leases
from libs.chassis.problems import Conflict, Unprocessable
from libs.chassis.runtime import per_process
from libs.chassis.tables import IdempotencyRow

HEADER = "Idempotency-Key"
LEASE_SECONDS = 5
RENEW_SECONDS = 1.0


class KeyReused(Unprocessable):
    slug, title = "idempotency-key-reused", "This Idempotency-Key belongs to another request"


class RequestInProgress(Conflict):
    slug, title = "request-in-progress", "The same request is still in progress"


@dataclass(frozen=True, eq=False)
class Claim:
    """The right to run one operation for one key; `response` is that of its first run, if any.

    `ends`: the ends of the lease that this claim has written, or may have written before a failed renewal.
    """

    principal: str
    operation: str
    key: str
    seed: str
    ends: list[datetime]
    response: tuple[int, bytes, dict[str, str]] | None = None


_claim: ContextVar[Claim | None] = ContextVar("idempotency_claim", default=None)


def stable_id(prefix: str) -> str:
    """The id of the resource that this request creates, the same for each repeat. One per prefix."""
    claim = _claim.get()
    if claim is None:
        raise RuntimeError("stable_id() needs the parameter Idempotency-Key in the contract of the operation.")
    return f"{prefix}_{_derive(claim.seed, prefix)}"


def _derive(seed: str, prefix: str) -> str:
    """The time part of the seed and a hash of seed and prefix, so that ids sort by time."""
    digest = bytearray(hashlib.sha256(f"{seed}:{prefix}".encode()).digest()[:10])
    digest[0] = 0x70 | (digest[0] & 0x0F)
    digest[2] = 0x80 | (digest[2] & 0x3F)
    return seed[:12] + digest.hex()


def request_hash(body: Any) -> str:
    """A fingerprint of a request, independent of the order of names."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def claim(principal: str, operation: str, key: str, fingerprint: str) -> Claim:
    """Claim a key. Raises KeyReused for another request, and RequestInProgress while the same one runs."""
    try:
        with unit_of_work() as db:
            row = db.scalar(_select(principal, operation, key).with_for_update())
            if row is None:
                row = _new_row(principal, operation, key, fingerprint)
                db.add(row)
                db.flush()
                return Claim(principal, operation, key, row.seed, [row.locked_until])
            return _claim_again(row, fingerprint)
    except IntegrityError:
        detail = "another request with this key arrived at the same time"
        raise RequestInProgress(detail, headers={"Retry-After": "1"}) from None


def _select(principal: str, operation: str, key: str) -> Any:
    return select(IdempotencyRow).where(
        IdempotencyRow.principal == principal,
        IdempotencyRow.operation == operation,
        IdempotencyRow.key == key,
    )


def _new_row(principal: str, operation: str, key: str, fingerprint: str) -> IdempotencyRow:
    now = clock.now()
    milliseconds = int(now.timestamp() * 1000)
    return IdempotencyRow(
        principal=principal,
        operation=operation,
        key=key,
        request_hash=fingerprint,
        seed=f"{milliseconds:012x}" + uuid.UUID(bytes=os.urandom(16)).hex[12:],
        created_at=now,
        locked_until=_end_of_lease(),
    )


def _claim_again(row: IdempotencyRow, fingerprint: str) -> Claim:
    if row.request_hash != fingerprint:
        raise KeyReused("use a new key for a new request")
    response = None
    if row.status is not None:
        response = (row.status, row.body or b"", dict(row.headers or {}))
    elif row.locked_until > clock.now():
        seconds = math.ceil((row.locked_until - clock.now()).total_seconds())
        detail = f"repeat it in {seconds} seconds to get its response"
        raise RequestInProgress(detail, headers={"Retry-After": str(seconds)})
    else:
        row.locked_until = _end_of_lease()
    return Claim(row.principal, row.operation, row.key, row.seed, [row.locked_until], response)


def bind(current: Claim | None) -> None:
    """Make this the claim of the current request, and renew its lease until the next call."""
    before = _claim.get()
    if before is not None:
        _leases().drop(before)
    if current is not None:
        _leases().hold(current)
    _claim.set(current)


def _end_of_lease() -> datetime:
    return clock.now() + timedelta(seconds=LEASE_SECONDS)


def _update_row(db: Session, own: Claim, **values: Any) -> bool:
    """Update the row of a key without a response; False when another claim holds the key."""
    row = update(IdempotencyRow).where(
        IdempotencyRow.principal == own.principal,
        IdempotencyRow.operation == own.operation,
        IdempotencyRow.key == own.key,
        IdempotencyRow.status.is_(None),
        IdempotencyRow.locked_until.in_(list(own.ends)),
    )
    changed: Any = db.execute(row.values(values), execution_options={"synchronize_session": False})
    return bool(changed.rowcount == 1)


def _renew(held: Claim) -> None:
    end = _end_of_lease()
    held.ends.append(end)
    with unit_of_work() as db:
        is_own = _update_row(db, held, locked_until=end)
    if is_own:
        held.ends[:] = [end]
    else:
        _leases().drop(held)


@per_process
def _leases() -> Leases[Claim]:
    return Leases(_renew, RENEW_SECONDS)


def complete(current: Claim, status: int, body: bytes, headers: dict[str, str]) -> None:
    """Store the response in the handler's transaction. Raises RequestInProgress when a repeat holds the key."""
    if not _update_row(session(), current, status=status, body=body, headers=headers):
        detail = "a repeat of this request is in progress; repeat it to get its response"
        raise RequestInProgress(detail, headers={"Retry-After": "1"})


def release(current: Claim) -> None:
    """Let a repeat run immediately after an error, with the same ids."""
    _leases().drop(current)
    with unit_of_work() as db:
        _update_row(db, current, locked_until=clock.now())
