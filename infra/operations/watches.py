"""What is watched: each function yields the watches of one part of the platform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.data.stack import DataStack
from infra.edge.balancer import BalancerStack
from infra.edge.gateways import GatewayStack
from infra.messaging.stack import MessagingStack
from infra.network.service_network import ZONES, ServiceNetwork
from infra.operations.alarm import Watch, metric, ratio
from infra.operations.service_logs import ServiceLogsStack

GIBIBYTE = 2**30
ENOUGH_REQUESTS = 20  # in five minutes, for a ratio to mean something
ENOUGH_PACKETS = 100_000


def of_gateway(stack: GatewayStack) -> Iterator[Watch]:
    dimensions = {"ApiName": stack.name, "Stage": stack.stage.stage_name or ""}
    failed = metric("AWS/ApiGateway", "5XXError", dimensions)
    requests = metric("AWS/ApiGateway", "Count", dimensions, statistic="SampleCount")
    share = ratio(failed, requests, ENOUGH_REQUESTS, "5xx responses, percent")
    slow = metric("AWS/ApiGateway", "Latency", dimensions, statistic="p99")
    yield Watch("gateway-errors", stack.gateway, share, 2, periods=2, urgent=True)
    yield Watch("gateway-latency", stack.gateway, slow, 2000, periods=3)
    function = {"FunctionName": stack.authorizer.function.ref}
    throttled = metric("AWS/Lambda", "Throttles", function)
    yield Watch("authorizer-throttled", stack.gateway, throttled, 0, periods=2, urgent=True)
    yield Watch("authorizer-failures", stack.gateway, stack.authorizer_failures, 10, periods=2, urgent=True)
    if stack.firewall is not None:
        rule = {"WebACL": stack.firewall.name, "Region": stack.region, "Rule": "ALL"}
        blocked = metric("AWS/WAFV2", "BlockedRequests", rule)
        yield Watch("firewall-surge", stack.gateway, blocked, 5000, periods=2)


def of_balancer(stack: BalancerStack) -> Iterator[Watch]:
    whole = {"LoadBalancer": stack.load_balancer.attr_load_balancer_full_name}
    targets = whole | {"TargetGroup": stack.targets.attr_target_group_full_name}
    failed = metric("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", whole)
    requests = metric("AWS/ApplicationELB", "RequestCount", whole)
    share = ratio(failed, requests, ENOUGH_REQUESTS, "5xx responses, percent")
    slow = metric("AWS/ApplicationELB", "TargetResponseTime", whole, statistic="p95")
    healthy = metric("AWS/ApplicationELB", "HealthyHostCount", targets, statistic="Minimum", minutes=1)
    refused = metric("AWS/ApplicationELB", "HTTP_Fixed_Response_Count", whole)
    yield Watch("service-errors", stack.service, share, 2, periods=2, urgent=True)
    yield Watch("service-latency", stack.service, slow, 1, periods=3)
    yield Watch("service-down", stack.service, healthy, 1, periods=3, below=True, urgent=True, silence_is_bad=True)
    yield Watch("balancer-refusals", stack.service, refused, 100)


def of_messages(stack: MessagingStack) -> Iterator[Watch]:
    for name, queue in stack.queues.items():
        age = metric(
            "AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": queue.queue_name}, statistic="Maximum"
        )
        yield Watch("queue-age", name, age, 300, periods=2, urgent=True)
    for name, queue in stack.dead_letters.items():
        waiting = metric(
            "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": queue.queue_name}, statistic="Maximum"
        )
        yield Watch("dead-letters", name, waiting, 0)
    for name, topic in stack.topics.items():
        lost = metric("AWS/SNS", "NumberOfNotificationsFailed", {"TopicName": topic.topic_name})
        yield Watch("undelivered-notifications", name, lost, 0)


def of_data(stack: DataStack) -> Iterator[Watch]:
    size = stack.relational.size
    database = {"DBInstanceIdentifier": stack.relational.name}
    busy = metric("AWS/RDS", "CPUUtilization", database, statistic="Average")
    disk = metric("AWS/RDS", "FreeStorageSpace", database, statistic="Minimum")
    memory = metric("AWS/RDS", "FreeableMemory", database, statistic="Minimum")
    connections = metric("AWS/RDS", "DatabaseConnections", database, statistic="Maximum")
    yield Watch("database-cpu", stack.service, busy, 80, periods=3)
    yield Watch("database-disk", stack.service, disk, 0.1 * size.gigabytes * GIBIBYTE, below=True, urgent=True)
    yield Watch("database-memory", stack.service, memory, 0.05 * size.memory_gib * GIBIBYTE, periods=3, below=True)
    yield Watch("database-connections", stack.service, connections, _most_connections(size.memory_gib) * 0.8)
    if stack.documents is not None:
        cluster = {"DBClusterIdentifier": stack.documents.name}
        documents_busy = metric("AWS/DocDB", "CPUUtilization", cluster, statistic="Maximum")
        behind = metric("AWS/DocDB", "DBClusterReplicaLagMaximum", cluster, statistic="Maximum")
        yield Watch("documents-cpu", stack.service, documents_busy, 80, periods=3)
        yield Watch("documents-lag", stack.service, behind, 2000, periods=2)
    for cache in stack.caches.values():
        for node in cache.nodes:
            yield from _of_cache_node(node)


def _of_cache_node(node: str) -> Iterator[Watch]:
    dimensions = {"CacheClusterId": node}
    full = metric("AWS/ElastiCache", "DatabaseMemoryUsagePercentage", dimensions, statistic="Maximum")
    busy = metric("AWS/ElastiCache", "EngineCPUUtilization", dimensions, statistic="Maximum")
    behind = metric("AWS/ElastiCache", "ReplicationLag", dimensions, statistic="Maximum")
    yield Watch("cache-memory", node, full, 75, periods=2)
    yield Watch("cache-cpu", node, busy, 80, periods=3)
    yield Watch("cache-lag", node, behind, 5, periods=2)


def _most_connections(memory_gib: float) -> int:
    """RDS's own default: the memory in bytes by 12,582,880."""
    return int(memory_gib * GIBIBYTE / 12_582_880)


def of_certificates(arns: Mapping[str, str]) -> Iterator[Watch]:
    for name, arn in arns.items():
        dimensions = {"CertificateArn": arn}
        left = metric("AWS/CertificateManager", "DaysToExpiry", dimensions, statistic="Minimum", minutes=24 * 60)
        yield Watch("certificate-age", name, left, 30, below=True)


def of_network(network: ServiceNetwork) -> Iterator[Watch]:
    """NAT gateways: ports per destination are limited, and no packet should be dropped."""
    for letter, gateway in zip(ZONES, network.nat_gateways, strict=False):
        subject = f"{network.service}-{letter.lower()}"
        dimensions = {"NatGatewayId": gateway.ref}
        yield Watch(
            "nat-ports", subject, metric("AWS/NATGateway", "ErrorPortAllocation", dimensions), 0, urgent=True
        )
        yield Watch("nat-drops", subject, _dropped(dimensions), 0.01, periods=3)


def _dropped(dimensions: dict[str, str]) -> cloudwatch.MathExpression:
    """What a NAT gateway loses of all packets that come to it, in percent."""
    names = {"dropped": "PacketsDropCount", "out": "PacketsInFromSource", "back": "PacketsInFromDestination"}
    return cloudwatch.MathExpression(
        expression=f"IF(out + back >= {ENOUGH_PACKETS}, 100 * dropped / (out + back), 0)",
        using_metrics={name: metric("AWS/NATGateway", counted, dimensions) for name, counted in names.items()},
        label="packets lost, in percent",
        period=Duration.minutes(5),
    )


def of_nodes(environment: str, service: str, cluster: str) -> Iterator[Watch]:
    """The fullest disk of a cluster's machines, as reported by the agent of infra/kops/node-metrics.yaml.

    Kubernetes itself clears away images from 85 % on; what is above that for long does not get less by itself.
    """
    full = metric(f"ReClothes/{environment}/nodes", "disk_used_percent", {"Cluster": cluster}, statistic="Maximum")
    yield Watch("node-disk", service, full, 85, periods=3, silence_is_bad=True)


def of_vpn(connection_id: str) -> Iterator[Watch]:
    up = metric("AWS/VPN", "TunnelState", {"VpnId": connection_id}, statistic="Maximum")
    yield Watch("vpn-down", "company", up, 1, periods=2, below=True, urgent=True, silence_is_bad=True)


def of_logs(stack: ServiceLogsStack) -> Iterator[Watch]:
    most = {
        "critical-lines": 0,
        "outbox-waits": 20,
        "failed-jobs": 3,
        "omitted-items": 3,
        "parked-events": 0,
        "failed-repairs": 3,
        "failed-messages": 50,
        "contract-violations": 0,
        "discrepancies": 0,
        "database-away": 10,
    }
    for (event, service), count in stack.log_events.items():
        urgent = event in ("critical-lines", "database-away")
        yield Watch(event, service, count, most[event], urgent=urgent)
    own = {
        "ledger-faults": 0,
        "provider-away": 10,
        "payment-discrepancies": 0,
        "refused-recipients": 20,
        "no-free-box": 20,
    }
    for name, count in stack.service_log_events.items():
        yield Watch(name, "platform", count, own[name], urgent=name in ("ledger-faults", "provider-away"))
