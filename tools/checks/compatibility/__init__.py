"""Changes of contracts and events that break clients or subscribers of the last release.

A client of the last release must keep working: no operation, response or field is removed, nothing new is required,
requests may only become less restricted, and responses stay within what was documented. Old events wait in queues
and outboxes, so they must match the new schema, and new events must match what old subscribers read.
"""

from tools.checks.compatibility.check import breaking_changes

__all__ = ["breaking_changes"]
