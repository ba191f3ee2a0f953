"""Register the event handlers and jobs of every noun."""

from services.auth import retention
from services.auth.notifications import events as notification_events
from services.auth.notifications import jobs as notification_jobs
from services.auth.passwords import jobs as password_jobs
from services.auth.registry import registry
from services.auth.sessions import jobs as session_jobs

__all__ = ["notification_events", "notification_jobs", "password_jobs", "registry", "retention", "session_jobs"]
