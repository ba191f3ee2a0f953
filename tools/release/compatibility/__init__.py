"""What a change of the contracts breaks for those who rely on the last release.

Rules (a caller of the last release must go on working): no operation, answer or field goes away, nothing new is
demanded, what may be sent only grows, and what is answered stays within what was promised. For events, which old
copies stay in queues and outboxes, old data must match the new schema, and new data what old subscribers read.
"""

from tools.release.compatibility.check import breaking_changes

__all__ = ["breaking_changes"]
