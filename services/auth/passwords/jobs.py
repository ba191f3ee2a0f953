"""Mail the requested password links."""

from __future__ import annotations

from libs.chassis import jobs
from services.auth.passwords import changes
from services.auth.registry import registry


@registry.every(seconds=0.5)
def send_password_links() -> None:
    """Process the reset requests, each in a transaction of its own."""
    jobs.for_each("send password links", changes.select_reset_requests(), changes.process_reset_request)
