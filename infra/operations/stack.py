"""Alarms of one environment, and the budget of its account."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_budgets as budgets
from constructs import Construct

from infra.operations.alarm import Alarms, Watch
from infra.operations.people import PeopleStack

# Percentages of the budget that cause a notification: actual or forecast for the month.
TOLD_AT = ((50, "ACTUAL"), (80, "ACTUAL"), (100, "ACTUAL"), (100, "FORECASTED"))


class AlarmStack(Stack):
    """Rings for every watch that it is given."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: str,
        people: PeopleStack,
        watches: Iterable[Watch],
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        alarms = Alarms(self, "Alarms", environment=environment, urgent=people.urgent, notice=people.notice)
        for watch in watches:
            alarms.ring(watch)


class BudgetStack(Stack):
    """What a month may cost, in US dollars, as Amazon bills."""

    def __init__(
        self, scope: Construct, id_: str, *, environment: str, people: PeopleStack, dollars: int, **kwargs: Any
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        subscriber = budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=people.notice.topic_arn)
        budgets.CfnBudget(
            self,
            "Month",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=f"reclothes-{environment}",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=dollars, unit="USD"),
                cost_filters={"TagKeyValue": [f"user:reclothes:environment${environment}"]},
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        comparison_operator="GREATER_THAN",
                        notification_type=kind,
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[subscriber],
                )
                for percent, kind in TOLD_AT
            ],
        )
