"""What a donation earns its donor."""

from __future__ import annotations


def list_donation_rewards(state: str, *, has_story: bool, is_first: bool) -> list[str]:
    """The reasons for rewards of a donation that comes into `state` (stories d-do-03, d-po-04)."""
    if state == "checked_bad":
        return ["checked_bad"]
    if state != "deposited":
        return []
    return ["deposit", *(["first_donation"] if is_first else []), *(["story"] if has_story else [])]
