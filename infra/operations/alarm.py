"""What an alarm is: a kind, which has its chapter in docs/operations/alarms.md, and what it is about."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.names import logical

DOCS = "docs/operations/alarms.md"
ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
QUIET = cloudwatch.TreatMissingData.NOT_BREACHING
LOUD = cloudwatch.TreatMissingData.BREACHING


@dataclass(frozen=True)
class Watch:
    """One condition: `kind` names its chapter, `subject` what is watched.

    It rings when `periods` of the metric's periods in a row are above (or below) the threshold. What is `urgent`
    hurts users now; the rest can wait until the morning.
    """

    kind: str
    subject: str
    metric: cloudwatch.IMetric
    threshold: float
    periods: int = 1
    below: bool = False
    urgent: bool = False
    silence_is_bad: bool = False


class Alarms(Construct):
    """Makes alarms of watches, and sends them to the people who have to know."""

    def __init__(
        self, scope: Construct, id_: str, *, environment: str, urgent: sns.ITopic, notice: sns.ITopic
    ) -> None:
        super().__init__(scope, id_)
        self._environment, self._urgent, self._notice = environment, urgent, notice

    def ring(self, watch: Watch) -> cloudwatch.Alarm:
        """An alarm that also notifies when it is over."""
        alarm = cloudwatch.Alarm(
            self,
            logical(f"{watch.kind}-{watch.subject}"),
            alarm_name=f"reclothes-{self._environment}/{watch.kind}/{watch.subject}",
            alarm_description=f"What it means and what to do: {DOCS}#{watch.kind}",
            metric=watch.metric,
            threshold=watch.threshold,
            evaluation_periods=watch.periods,
            comparison_operator=BELOW if watch.below else ABOVE,
            treat_missing_data=LOUD if watch.silence_is_bad else QUIET,
        )
        action = actions.SnsAction(self._urgent if watch.urgent else self._notice)
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)
        return alarm


def metric(
    namespace: str,
    name: str,
    dimensions: dict[str, str] | None = None,
    *,
    statistic: str = "Sum",
    minutes: int = 5,
    label: str | None = None,
) -> cloudwatch.Metric:
    """A metric over a number of minutes."""
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=Duration.minutes(minutes),
        label=label,
    )


def ratio(part: cloudwatch.Metric, whole: cloudwatch.Metric, least: int, label: str) -> cloudwatch.MathExpression:
    """`part` of `whole` in percent; nothing while fewer than `least` were counted, so that one failure at night
    wakes nobody."""
    return cloudwatch.MathExpression(
        expression=f"IF(whole >= {least}, 100 * part / whole, 0)",
        using_metrics={"part": part, "whole": whole},
        label=label,
        period=Duration.minutes(5),
    )
