"""The record of who did what in the account: of all regions, checked, in a bucket that keeps what it has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.edge.logs import log_bucket
from infra.names import logical
from infra.operations.alarm import Watch, metric
from infra.retention import retention_days

# What a person has to look at: the kinds of alarm, the lines of the trail, and how many are too many.
PATTERNS = (
    (
        "root-used",
        '{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS '
        '&& $.eventType != "AwsServiceEvent" }',
        0,
    ),
    (
        "trail-changed",
        '{ ($.eventName = "StopLogging") || ($.eventName = "DeleteTrail") || ($.eventName = "UpdateTrail") || '
        '($.eventName = "PutEventSelectors") }',
        0,
    ),
    ("access-denied", '{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }', 50),
    (
        "key-disabled",
        '{ ($.eventSource = "kms.amazonaws.com") && '
        '(($.eventName = "DisableKey") || ($.eventName = "ScheduleKeyDeletion")) }',
        0,
    ),
)


class TrailStack(Stack):
    """The trail of the account, its locked bucket, and what is counted in it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: str,
        locked_days: int,
        compliance: bool,
        log_days: int,
        **kwargs: Any,
    ) -> None:
        """With `compliance` not even the account's owner can delete a record before its time."""
        super().__init__(scope, id_, **kwargs)
        self._namespace = f"ReClothes/{environment}/trail"
        name = f"reclothes-{environment}-trail"
        key = self._make_key(name)
        bucket = self._bucket(name, key, locked_days, compliance, log_days)
        group = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/reclothes/{environment}/trail",
            retention=retention_days(log_days),
            encryption_key=key,
        )
        cloudtrail.Trail(
            self,
            "Trail",
            trail_name=name,
            bucket=bucket,
            encryption_key=key,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_file_validation=True,
            send_to_cloud_watch_logs=True,
            cloud_watch_log_group=group,
        )
        self._filters(group)

    def _make_key(self, trail: str) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias=f"alias/{self.stack_name.lower()}",
            description="Encrypts the trail",
            enable_key_rotation=True,
        )
        arn = self.format_arn(service="cloudtrail", resource="trail", resource_name=trail)
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudtrail.amazonaws.com")],
                actions=["kms:GenerateDataKey*", "kms:DescribeKey"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceArn": arn}},
            )
        )
        group = f"arn:{self.partition}:logs:{self.region}:{self.account}:log-group:/reclothes/*"
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{self.region}.amazonaws.com")],
                actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": group}},
            )
        )
        return key

    def _bucket(self, name: str, key: kms.Key, days: int, compliance: bool, log_days: int) -> s3.Bucket:
        hold = s3.ObjectLockRetention.compliance if compliance else s3.ObjectLockRetention.governance
        return s3.Bucket(
            self,
            "Bucket",
            bucket_name=f"{name}-{self.account}",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            object_lock_enabled=True,
            object_lock_default_retention=hold(Duration.days(days)),
            removal_policy=RemovalPolicy.RETAIN,
            server_access_logs_bucket=log_bucket(self, "AccessLogs", f"{name}-reads", days=log_days, by_acl=True),
            lifecycle_rules=[
                s3.LifecycleRule(
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL,
                            transition_after=Duration.days(90),
                        )
                    ],
                    expiration=Duration.days(days + 1),
                    noncurrent_version_expiration=Duration.days(days + 1),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
        )

    def _filters(self, group: logs.LogGroup) -> None:
        for name, pattern, _ in PATTERNS:
            logs.CfnMetricFilter(
                self,
                f"{logical(name)}Filter",
                log_group_name=group.log_group_name,
                filter_pattern=pattern,
                metric_transformations=[
                    logs.CfnMetricFilter.MetricTransformationProperty(
                        metric_namespace=self._namespace, metric_name=name, metric_value="1", default_value=0
                    )
                ],
            )

    def watches(self) -> Iterator[Watch]:
        """What the trail rings for."""
        for name, _, most in PATTERNS:
            counted: cloudwatch.Metric = metric(self._namespace, name)
            yield Watch(name, "account", counted, most, urgent=name in ("root-used", "trail-changed"))
