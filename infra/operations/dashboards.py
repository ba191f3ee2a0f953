"""Dashboards: one for each service, one for the ways in, one for the business."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.data.stack import DataStack
from infra.edge.balancer import BalancerStack
from infra.edge.gateways import GatewayStack
from infra.messaging.stack import MessagingStack
from infra.operations.alarm import metric
from infra.operations.service_logs import LOG_EVENTS, ServiceLogsStack

WIDTH = 8  # three graphs a row


class DashboardStack(Stack):
    """All dashboards of one environment."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: str,
        balancers: Mapping[str, BalancerStack],
        gateways: Mapping[str, GatewayStack],
        data: Mapping[str, DataStack],
        messaging: MessagingStack,
        logs: ServiceLogsStack,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        self._environment = environment
        for service, balancer in balancers.items():
            widgets = [*_requests(balancer), *_database(data[service]), _signs(logs, service)]
            self._make(service, [*widgets, *_messages(messaging, service)])
        self._make("gateways", [widget for gateway in gateways.values() for widget in _gateway(gateway)])
        self._make("business", _business(logs))

    def _make(self, name: str, widgets: list[cloudwatch.IWidget]) -> None:
        rows = [widgets[at : at + 3] for at in range(0, len(widgets), 3)]
        cloudwatch.Dashboard(
            self, name.capitalize(), dashboard_name=f"reclothes-{self._environment}-{name}", widgets=rows
        )


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.IWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=WIDTH)


def _requests(balancer: BalancerStack) -> list[cloudwatch.IWidget]:
    whole = {"LoadBalancer": balancer.load_balancer.attr_load_balancer_full_name}
    seconds = [
        metric("AWS/ApplicationELB", "TargetResponseTime", whole, statistic=statistic, label=statistic)
        for statistic in ("p50", "p95", "p99")
    ]
    responses = [
        metric("AWS/ApplicationELB", f"HTTPCode_Target_{kind}_Count", whole, label=kind)
        for kind in ("2XX", "4XX", "5XX")
    ]
    requests = metric("AWS/ApplicationELB", "RequestCount", whole, label="requests")
    return [
        _graph("Requests", requests),
        _graph("Responses", *responses),
        _graph("Response time, seconds", *seconds),
    ]


def _database(stack: DataStack) -> list[cloudwatch.IWidget]:
    database = {"DBInstanceIdentifier": stack.relational.name}
    busy = metric("AWS/RDS", "CPUUtilization", database, statistic="Average", label="CPU, percent")
    connections = metric("AWS/RDS", "DatabaseConnections", database, statistic="Maximum", label="connections")
    waits = [
        metric("AWS/RDS", name, database, statistic="Average", label=name)
        for name in ("ReadLatency", "WriteLatency")
    ]
    return [_graph("Database", busy, connections), _graph("Seconds of the disk", *waits)]


def _signs(logs: ServiceLogsStack, service: str) -> cloudwatch.IWidget:
    return _graph("Log events", *(logs.log_events[event, service].with_(label=event) for event in LOG_EVENTS))


def _messages(messaging: MessagingStack, service: str) -> list[cloudwatch.IWidget]:
    found = [name for name in messaging.queues if name.split("-")[-2] == service]
    ages = [
        metric("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": name}, statistic="Maximum", label=name)
        for name in found
    ]
    dead = [
        metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": f"{name}-dead"}, label=name)
        for name in found
    ]
    return [_graph("Oldest message, seconds", *ages), _graph("Dead letters", *dead)]


def _gateway(stack: GatewayStack) -> list[cloudwatch.IWidget]:
    dimensions = {"ApiName": stack.name, "Stage": stack.stage.stage_name or ""}
    requests = metric("AWS/ApiGateway", "Count", dimensions, statistic="SampleCount", label="requests")
    refused = [metric("AWS/ApiGateway", name, dimensions, label=name) for name in ("4XXError", "5XXError")]
    slow = [
        metric("AWS/ApiGateway", "Latency", dimensions, statistic=statistic, label=statistic)
        for statistic in ("p50", "p95", "p99")
    ]
    graphs = [
        _graph(f"{stack.gateway}: requests", requests),
        _graph(f"{stack.gateway}: refused and failed", *refused),
        _graph(f"{stack.gateway}: milliseconds", *slow),
    ]
    if stack.firewall is not None:
        rule = {"WebACL": stack.firewall.name, "Region": stack.region, "Rule": "ALL"}
        kinds = [metric("AWS/WAFV2", name, rule, label=name) for name in ("AllowedRequests", "BlockedRequests")]
        graphs.append(_graph("Web ACL", *kinds))
    return graphs


def _business(logs: ServiceLogsStack) -> list[cloudwatch.IWidget]:
    def counted(title: str, *events: str) -> cloudwatch.IWidget:
        return _graph(title, *(logs.business[event].with_(label=event) for event in events))

    return [
        counted("New customers", "auth.user.registered.v1"),
        counted(
            "Purchases",
            "customer.buying_order.placed.v1",
            "customer.buying_order.paid.v1",
            "customer.buying_order.expired.v1",
        ),
        counted("Payments", "billing.payment.captured.v1", "billing.payment.voided.v1", "billing.fee.paid.v1"),
        counted("Donations", "customer.donating_order.state_changed.v1"),
        counted("Products", "shopping.product.published.v1", "shopping.product.sold.v1"),
        counted("Rewards", "billing.coupon.issued.v1", "billing.payout.due.v1"),
        counted("Doors", "locker.door.used.v1"),
    ]
