"""DocumentDB (MongoDB protocol): the database of documents of the running service."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

from libs.chassis import circuit_breaker
from libs.chassis.runtime import per_process
from libs.chassis.settings import SettingsError, settings

SELECTION_SECONDS = 1.0


@per_process
def _database(url: str, ca_file: str | None) -> Any:
    import pymongo

    options: dict[str, Any] = {"tlsCAFile": ca_file} if "tls=true" in url and ca_file else {}
    client: Any = pymongo.MongoClient(
        url,
        # The driver's monitor checks every second: a server that hangs for longer is no longer selected, its
        # connections are closed, and the circuit opens when there is no other server.
        serverSelectionTimeoutMS=int(SELECTION_SECONDS * 1000),
        connectTimeoutMS=500,
        heartbeatFrequencyMS=1000,
        socketTimeoutMS=3000,
        retryWrites=False,  # DocumentDB has no retryable writes
        w="majority",  # acknowledged writes survive the loss of any one process
        journal=True,
        tz_aware=True,
        **options,
    )
    return client.get_default_database("shopping")


def mongo_database() -> Any:
    """The database of RECLOTHES_MONGO_URL. Raises AutoReconnect immediately while none of its servers responds."""
    url = settings().mongo_url
    if url is None:
        raise SettingsError("Set RECLOTHES_MONGO_URL, which this service needs.")
    database = _database(url, settings().ca_file)
    if _monitor(url).is_down(database.client.topology_description):
        from pymongo.errors import AutoReconnect

        raise AutoReconnect("the circuit of the document database is open")
    return database


@dataclass
class _Monitor:
    """Since when the driver's monitor has reached no server; None while it reaches one."""

    circuit: circuit_breaker.Circuit
    down_since: float | None = None

    def is_down(self, topology: Any) -> bool:
        """Whether no server has been reached for longer than a call would wait for one."""
        if any(server.error is None for server in topology.server_descriptions().values()):
            self.down_since = None
            self.circuit.set(is_open=False)
        else:
            now = time.monotonic()
            self.down_since = now if self.down_since is None else self.down_since
            self.circuit.set(is_open=now - self.down_since >= SELECTION_SECONDS)
        return self.circuit.is_open


@per_process
def _monitor(_url: str) -> _Monitor:
    return _Monitor(circuit_breaker.breaker("document database", is_unavailable))


# Errors of the server (MongoDB, error_codes.yml); those of connections and elections have their own classes.
_OUTAGES = frozenset(
    {
        1,  # InternalError, also a full disk and a panic of the storage engine
        6,  # HostUnreachable
        7,  # HostNotFound
        8,  # UnknownError
        24,  # LockTimeout
        43,  # CursorNotFound: the server was restarted
        50,  # MaxTimeMSExpired
        64,  # WriteConcernTimeout
        89,  # NetworkTimeout
        91,  # ShutdownInProgress
        100,  # UnsatisfiableWriteConcern
        112,  # WriteConflict
        133,  # FailedToSatisfyReadPreference
        146,  # ExceededMemoryLimit
        175,  # QueryPlanKilled
        189,  # PrimarySteppedDown
        202,  # NetworkInterfaceExceededTimeLimit
        261,  # TooManyLogicalSessions
        262,  # ExceededTimeLimit
        317,  # ConnectionPoolExpired
        365,  # TemporarilyUnavailable
        384,  # ConnectionError
        9001,  # SocketException
        10107,  # NotWritablePrimary
        11600,  # InterruptedAtShutdown
        11601,  # Interrupted
        11602,  # InterruptedDueToReplStateChange
        13435,  # NotPrimaryNoSecondaryOk
        13436,  # NotPrimaryOrSecondary
        14031,  # OutOfDiskSpace
    }
)


def is_unavailable(error: BaseException) -> bool:
    """Whether DocumentDB cannot process valid commands: no connection, no primary, a full disk, a panic.

    Does not import its client.
    """
    errors: Any = sys.modules.get("pymongo.errors")
    if errors is None or not isinstance(error, errors.PyMongoError):
        return False
    if isinstance(error, errors.BulkWriteError):
        failed = (error.details or {}).get("writeErrors", ())
        return all(_is_outage(one.get("code")) for one in failed)
    if isinstance(error, errors.OperationFailure):
        return _is_outage(error.code)
    own = (errors.ConfigurationError, errors.InvalidOperation, errors.DocumentTooLarge, errors.InvalidURI)
    return not isinstance(error, own)


def _is_outage(code: int | None) -> bool:
    """None stands for an incomplete reply; codes below zero are errors of WiredTiger, such as WT_PANIC."""
    return code is None or code < 0 or code in _OUTAGES
