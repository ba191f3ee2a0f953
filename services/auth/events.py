"""Register the event handlers and jobs of every noun."""

import services.auth.notifications.events
import services.auth.notifications.jobs
import services.auth.passwords.jobs
import services.auth.retention
import services.auth.sessions.jobs  # noqa: F401
from services.auth.registry import registry

__all__ = ["registry"]
