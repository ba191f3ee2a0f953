"""A service's MySQL, with a standby in the other zone: reachable only by the service, and only with TLS."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import ArnFormat, CfnDeletionPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from constructs import Construct

from infra.data.secrets import UserSecret
from infra.names import group_id, subnet_ids
from infra.network.service_network import ServiceNetwork
from infra.retention import retention_days

ENGINE_VERSION = "8.4.7"
FAMILY = "mysql8.4"
PORT = 3306
EXPORTED_LOGS = ("error", "slowquery")


@dataclass(frozen=True)
class RelationalSize:
    """What an instance is made of; storage grows by itself from `gigabytes` to ten times as much."""

    instance_class: str
    memory_gib: float
    gigabytes: int
    multi_az: bool
    backup_days: int
    protected: bool


class RelationalDatabase(Construct):
    """The database of one domain, its application user's secret and the rotation of both passwords.

    The master's password is RDS's own secret, which RDS changes every week. The application's is changed monthly by
    two users in turn, so that the one in use stays valid until the next change.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: str,
        network: ServiceNetwork,
        size: RelationalSize,
        key: kms.Key,
        log_days: int,
    ) -> None:
        super().__init__(scope, id_)
        service = network.service
        self.size = size
        self.name = f"reclothes-{environment}-{service}"
        self._keep_logs(log_days, key)
        self.instance = rds.CfnDBInstance(
            self,
            "Instance",
            db_instance_identifier=self.name,
            db_name=service,
            engine="mysql",
            engine_version=ENGINE_VERSION,
            db_instance_class=size.instance_class,
            allocated_storage=str(size.gigabytes),
            max_allocated_storage=size.gigabytes * 10,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=key.key_arn,
            multi_az=size.multi_az,
            publicly_accessible=False,
            port=str(PORT),
            ca_certificate_identifier="rds-ca-rsa2048-g1",
            db_subnet_group_name=self._subnet_group(network).ref,
            vpc_security_groups=[group_id(network.database_group)],
            db_parameter_group_name=self._parameters().ref,
            master_username="reclothes_master",
            manage_master_user_password=True,
            master_user_secret=rds.CfnDBInstance.MasterUserSecretProperty(kms_key_id=key.key_arn),
            enable_iam_database_authentication=True,
            backup_retention_period=size.backup_days,
            preferred_backup_window="01:00-02:00",
            preferred_maintenance_window="sun:02:30-sun:03:30",
            copy_tags_to_snapshot=True,
            deletion_protection=size.protected,
            delete_automated_backups=False,
            auto_minor_version_upgrade=True,
            enable_cloudwatch_logs_exports=list(EXPORTED_LOGS),
            enable_performance_insights=True,
            performance_insights_kms_key_id=key.key_arn,
            performance_insights_retention_period=7,
            monitoring_interval=60,
            monitoring_role_arn=self._monitoring_role().role_arn,
        )
        self.instance.cfn_options.deletion_policy = CfnDeletionPolicy.SNAPSHOT
        self.instance.cfn_options.update_replace_policy = CfnDeletionPolicy.SNAPSHOT
        self.user = UserSecret(
            self,
            "User",
            key=key,
            environment=environment,
            purpose=f"{service}/database",
            user_name=service,
            facts={
                "engine": "mysql",
                "host": self.instance.attr_endpoint_address,
                "port": PORT,
                "dbname": service,
                "masterarn": self.instance.attr_master_user_secret_secret_arn,
            },
        )
        master = self.instance.attr_master_user_secret_secret_arn
        self.user.rotate(network, "MySQLMultiUser", key, master_arn=master)

    def _subnet_group(self, network: ServiceNetwork) -> rds.CfnDBSubnetGroup:
        return rds.CfnDBSubnetGroup(
            self,
            "Subnets",
            db_subnet_group_description=f"The data subnets of {network.service}",
            subnet_ids=subnet_ids(network.data_subnets),
        )

    def _parameters(self) -> rds.CfnDBParameterGroup:
        return rds.CfnDBParameterGroup(
            self,
            "Parameters",
            family=FAMILY,
            description="TLS demanded, one character set, slow statements logged",
            parameters={
                "require_secure_transport": "1",
                "tls_version": "TLSv1.2,TLSv1.3",
                "character_set_server": "utf8mb4",
                "transaction_isolation": "READ-COMMITTED",
                "slow_query_log": "1",
                "long_query_time": "0.5",
                "log_output": "FILE",
                # The audit trail's triggers are made by the migrations, whose user is not a super user.
                "log_bin_trust_function_creators": "1",
            },
        )

    def _keep_logs(self, days: int, key: kms.Key) -> None:
        """RDS would make these groups by itself and keep the lines for ever."""
        for kind in EXPORTED_LOGS:
            logs.LogGroup(
                self,
                f"{kind.capitalize()}Log",
                log_group_name=f"/aws/rds/instance/{self.name}/{kind}",
                retention=retention_days(days),
                encryption_key=key,
            )

    def _monitoring_role(self) -> iam.Role:
        role = iam.Role(self, "MonitoringRole", assumed_by=iam.ServicePrincipal("monitoring.rds.amazonaws.com"))
        group = Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name="RDSOSMetrics",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        role.add_to_policy(
            iam.PolicyStatement(actions=["logs:CreateLogGroup", "logs:PutRetentionPolicy"], resources=[group])
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "logs:CreateLogStream",
                    "logs:PutLogEvents",
                    "logs:DescribeLogStreams",
                    "logs:GetLogEvents",
                ],
                resources=[f"{group}:log-stream:*"],
            )
        )
        return role
