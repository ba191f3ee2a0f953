"""How long log groups keep their lines."""

from __future__ import annotations

from aws_cdk import aws_logs as logs

_DAYS = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


def retention_days(days: int) -> logs.RetentionDays:
    """CloudWatch knows only some numbers of days; KeyError for another one."""
    return _DAYS[days]
