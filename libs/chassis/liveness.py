"""Whether a process of an image is alive, for probes: `python3 -m libs.chassis.liveness web|worker`.

Web: it answers /livez on its own port. Worker and relay: the heartbeat file is young. Only the standard library is
imported, so that a probe costs little. Exit code 1 and a sentence when it is not alive.
"""

from __future__ import annotations

import os
import ssl
import sys
import time
import urllib.request
from pathlib import Path

SECONDS = 3
# A worker beats each second, and a message in hand does not hold it up.
OLDEST_BEAT_SECONDS = 30


def web() -> str:
    """Why the web process is not alive; nothing when it is."""
    port = os.environ.get("RECLOTHES_BIND", ":8443").rpartition(":")[2]
    # The certificate has the service's name, and this asks nobody but itself.
    context = ssl._create_unverified_context()  # noqa: S323
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/livez", timeout=SECONDS, context=context):
            return ""
    except OSError as error:
        return f"/livez does not answer: {error}"


def worker() -> str:
    """Why the worker is not alive; nothing when it is."""
    beat = Path(os.environ.get("RECLOTHES_HEARTBEAT_FILE", ""))
    if not beat.is_file():
        return f"there is no heartbeat file {beat}"
    age = time.time() - beat.stat().st_mtime
    return f"the last heartbeat was {age:.0f} s ago" if age > OLDEST_BEAT_SECONDS else ""


KINDS = {"web": web, "worker": worker}


def main() -> int:
    kind = sys.argv[1] if len(sys.argv) == 2 else ""
    if kind not in KINDS:
        print(f"usage: python3 -m libs.chassis.liveness {'|'.join(KINDS)}", file=sys.stderr)  # noqa: T201
        return 2
    reason = KINDS[kind]()
    if reason:
        print(reason, file=sys.stderr)  # noqa: T201
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
