"""The nightly check of the coin ledger and the money ledger."""

from __future__ import annotations

from prometheus_client import Counter

from libs.chassis import clock, logs
from libs.chassis.db import session
from services.billing.ledger import coin_check, money_check
from services.billing.ledger.tables import LedgerCheck
from services.billing.registry import registry

CHECK_HOUR = 3  # UTC, when there is little traffic
MAX_REPORTED_FAULTS = 100
FAULTS = Counter("reclothes_ledger_faults_total", "Faults that the nightly check of the ledgers found")


@registry.every(seconds=600)
def check_ledgers() -> None:
    """Check both ledgers once a day, in the first run after CHECK_HOUR."""
    now = clock.now()
    day = now.date().isoformat()
    if now.hour < CHECK_HOUR or session().get(LedgerCheck, day) is not None:
        return
    faults = find_ledger_faults()
    session().add(LedgerCheck(day=day, checked_at=now, faults=faults[:MAX_REPORTED_FAULTS]))
    log = logs.get_logger(__name__)
    if faults:
        FAULTS.inc(len(faults))
        log.critical("the ledgers do not add up", faults=faults[:MAX_REPORTED_FAULTS], count=len(faults))
    else:
        log.info("the ledgers add up")


def find_ledger_faults() -> list[str]:
    """Describe everything that is wrong with the two ledgers."""
    return [*coin_check.find_faults(), *money_check.find_faults()]
