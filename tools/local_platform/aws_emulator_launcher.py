"""Starts ministack, the stand-in for SQS, SNS and S3, and saves its queues and topics each second.

By itself it saves them only when it is stopped in order, so that a crash would lose messages and subscriptions. S3
objects are on disk at once anyway. A second's messages can still be lost here, which SQS would not lose.
"""

from __future__ import annotations

import logging
import threading
import time

from ministack import app
from ministack.core import persistence

SAVED = ("sqs", "sns")
SECONDS = 1.0


def save_queues_and_topics() -> None:
    """Save what there is now; a state that changes while it is read is saved the next time."""
    states = app._build_persistence_save_dict()
    persistence.save_all({name: states[name] for name in SAVED if name in states})


def keep_saving() -> None:
    while True:
        time.sleep(SECONDS)
        try:
            save_queues_and_topics()
        except Exception:
            logging.getLogger(__name__).exception("queues and topics are not saved")


def main() -> None:
    threading.Thread(target=keep_saving, name="save", daemon=True).start()
    app.main()


if __name__ == "__main__":
    main()
