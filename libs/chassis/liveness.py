"""The liveness probe of a process in an image: `python3 -m libs.chassis.liveness web|worker`.

Web: /livez on its own port responds. Worker and relay: the heartbeat file is recent. Imports the standard library
only, so that a probe is cheap. Exits with code 1 and a reason when the process is not alive.
"""

from __future__ import annotations

import os
import ssl
import sys
import time
import urllib.request
from pathlib import Path

SECONDS = 3
# A worker writes its heartbeat every second, also while it handles a message.
MAX_HEARTBEAT_AGE_SECONDS = 30


def web() -> str:
    """Why the web process is not alive; empty when it is."""
    port = os.environ.get("RECLOTHES_BIND", ":8443").rpartition(":")[2]
    # The certificate has the service's name, and the request does not leave the host.
    context = ssl._create_unverified_context()  # noqa: S323
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/livez", timeout=SECONDS, context=context):
            return ""
    except OSError as error:
        return f"/livez does not respond: {error}"


def worker() -> str:
    """Why the worker is not alive; empty when it is."""
    heartbeat = Path(os.environ.get("RECLOTHES_HEARTBEAT_FILE", ""))
    if not heartbeat.is_file():
        return f"there is no heartbeat file {heartbeat}"
    age = time.time() - heartbeat.stat().st_mtime
    return f"the last heartbeat was {age:.0f} s ago" if age > MAX_HEARTBEAT_AGE_SECONDS else ""


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
