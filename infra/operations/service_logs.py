"""The log group of each service, and the numbers that are read from its lines.

The cluster's Fluent Bit sends each line of a container as it is (`log_key log`): JSON of `libs/chassis/logs.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.environment import SERVICES
from infra.names import logical
from infra.operations.alarm import metric
from infra.retention import retention_days

# The log events that alarms count: name, and the pattern of the line (libs/chassis/log_events.py).
LOG_EVENTS: Mapping[str, str] = {
    "critical-lines": '{ $.level = "critical" }',
    "outbox-waits": '{ $.event = "outbox waits" }',
    "failed-jobs": '{ $.event = "job failed" || $.event = "item of job failed" }',
    "omitted-items": '{ $.event = "item left out" }',
    "parked-events": '{ $.event = "event parked" }',
    "failed-repairs": (
        '{ $.event = "check failed" || $.event = "repair failed" || $.event = "state not described" }'
    ),
    "failed-messages": '{ $.event = "message" && $.outcome = "failed" }',
    "contract-violations": '{ $.event = "response violates the contract" }',
    "discrepancies": '{ $.event = "domains disagree" }',
    "database-away": '{ $.event = "database unavailable" || $.event = "document database unavailable" }',
}


@dataclass(frozen=True)
class ServiceLogEvent:
    """A log event that only one service writes."""

    service: str
    pattern: str


SERVICE_LOG_EVENTS: Mapping[str, ServiceLogEvent] = {
    "ledger-faults": ServiceLogEvent("billing", '{ $.level = "critical" && $.event = "*ledger*" }'),
    "provider-away": ServiceLogEvent("billing", '{ $.event = "payment provider unavailable" }'),
    "payment-discrepancies": ServiceLogEvent(
        "billing", '{ $.event = "payment discrepancy" || $.event = "provider reports another amount" }'
    ),
    "refused-recipients": ServiceLogEvent("auth", '{ $.event = "recipient rejected" }'),
    "no-free-box": ServiceLogEvent("locker", '{ $.event = "no free box" }'),
}

# What the business is seen by: each event that a relay has sent is a line of its publisher.
BUSINESS_EVENTS: tuple[str, ...] = (
    "auth.user.registered.v1",
    "billing.coupon.issued.v1",
    "billing.fee.paid.v1",
    "billing.payment.captured.v1",
    "billing.payment.voided.v1",
    "billing.payout.due.v1",
    "customer.buying_order.expired.v1",
    "customer.buying_order.paid.v1",
    "customer.buying_order.placed.v1",
    "customer.donating_order.state_changed.v1",
    "locker.door.used.v1",
    "shopping.product.published.v1",
    "shopping.product.sold.v1",
)


class ServiceLogsStack(Stack):
    """Log groups, retained as long as the settings require, and the metric filters on them."""

    def __init__(self, scope: Construct, id_: str, *, environment: str, log_days: int, **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        self.namespace = f"ReClothes/{environment}"
        key = self._make_key()
        self.groups = {
            service: logs.LogGroup(
                self,
                f"{service.capitalize()}Log",
                log_group_name=f"/reclothes/{environment}/{service}",
                retention=retention_days(log_days),
                encryption_key=key,
            )
            for service in SERVICES
        }
        self.log_events = {
            (event, service): self._count(service, f"{service}-{event}", pattern)
            for service in SERVICES
            for event, pattern in LOG_EVENTS.items()
        }
        self.service_log_events = {
            name: self._count(event.service, name, event.pattern) for name, event in SERVICE_LOG_EVENTS.items()
        }
        self.business = {event: self._sent(event) for event in BUSINESS_EVENTS}

    def _make_key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias=f"alias/{self.stack_name.lower()}",
            description="Encrypts the services' logs",
            enable_key_rotation=True,
        )
        arn = f"arn:{self.partition}:logs:{self.region}:{self.account}:log-group:/reclothes/*"
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{self.region}.amazonaws.com")],
                actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn}},
            )
        )
        return key

    def _count(self, service: str, name: str, pattern: str) -> cloudwatch.Metric:
        logs.CfnMetricFilter(
            self,
            f"{logical(name)}Filter",
            log_group_name=self.groups[service].log_group_name,
            filter_pattern=pattern,
            metric_transformations=[
                logs.CfnMetricFilter.MetricTransformationProperty(
                    metric_namespace=self.namespace, metric_name=name, metric_value="1", default_value=0
                )
            ],
        )
        return metric(self.namespace, name)

    def _sent(self, event: str) -> cloudwatch.Metric:
        pattern = f'{{ $.event = "event" && $.outcome = "published" && $.type = "{event}" }}'
        return self._count(event.split(".")[0], event, pattern)
