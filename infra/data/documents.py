"""The products' DocumentDB: a cluster over both zones, encrypted, only with TLS and a password."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import CfnDeletionPolicy
from aws_cdk import aws_docdb as docdb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.data.secrets import UserSecret
from infra.names import group_id, subnet_ids
from infra.network.service_network import ServiceNetwork
from infra.retention import retention_days

PORT = 27017


@dataclass(frozen=True)
class DocumentSize:
    """With two instances or more another one takes over when the first is lost."""

    instance_class: str
    instances: int
    backup_days: int
    protected: bool


class DocumentDatabase(Construct):
    """The cluster, its instances over the zones, and the application user's secret."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: str,
        network: ServiceNetwork,
        size: DocumentSize,
        key: kms.Key,
        log_days: int,
    ) -> None:
        super().__init__(scope, id_)
        service = network.service
        self.name = f"reclothes-{environment}-{service}"
        for kind in ("audit", "profiler"):
            name = f"/aws/docdb/{self.name}/{kind}"
            logs.LogGroup(
                self,
                f"{kind.capitalize()}Log",
                log_group_name=name,
                retention=retention_days(log_days),
                encryption_key=key,
            )
        self.master = UserSecret(
            self,
            "Master",
            key=key,
            environment=environment,
            purpose=f"{service}/documents-master",
            user_name="reclothes_master",
            facts={"engine": "mongo", "ssl": True},
        )
        self.cluster = self._cluster(network, size, key)
        self._instances(size)
        self.user = UserSecret(
            self,
            "User",
            key=key,
            environment=environment,
            purpose=f"{service}/documents",
            user_name=service,
            facts={
                "engine": "mongo",
                "host": self.cluster.attr_endpoint,
                "port": PORT,
                "dbname": service,
                "ssl": True,
                "masterarn": self.master.arn,
            },
        )
        self._rotate(network, key)

    def _rotate(self, network: ServiceNetwork, key: kms.Key) -> None:
        """The cluster takes the master's secret, so its address is put into that afterwards, by an attachment."""
        attached = secretsmanager.CfnSecretTargetAttachment(
            self,
            "MasterAttachment",
            secret_id=self.master.arn,
            target_id=self.cluster.ref,
            target_type="AWS::DocDB::DBCluster",
        )
        self.master.rotate(network, "MongoDBSingleUser", key).add_resource_dependency(attached)
        self.user.rotate(network, "MongoDBMultiUser", key, master_arn=self.master.arn).add_resource_dependency(
            attached
        )

    def _cluster(self, network: ServiceNetwork, size: DocumentSize, key: kms.Key) -> docdb.CfnDBCluster:
        subnets = docdb.CfnDBSubnetGroup(
            self,
            "Subnets",
            db_subnet_group_description=f"The data subnets of {network.service}",
            subnet_ids=subnet_ids(network.data_subnets),
        )
        parameters = docdb.CfnDBClusterParameterGroup(
            self,
            "Parameters",
            family="docdb5.0",
            description="TLS demanded, logins and changes of schemas in the audit log, slow operations logged",
            parameters={
                "tls": "tls1.2+",
                "audit_logs": "enabled",
                "profiler": "enabled",
                "profiler_threshold_ms": "500",
            },
        )
        cluster = docdb.CfnDBCluster(
            self,
            "Cluster",
            db_cluster_identifier=self.name,
            engine_version="5.0.0",
            port=PORT,
            db_subnet_group_name=subnets.ref,
            db_cluster_parameter_group_name=parameters.ref,
            vpc_security_group_ids=[group_id(network.database_group)],
            storage_encrypted=True,
            kms_key_id=key.key_arn,
            master_username=self.master.user_name,
            master_user_password=self.master.password,
            backup_retention_period=size.backup_days,
            preferred_backup_window="01:00-02:00",
            preferred_maintenance_window="sun:02:30-sun:03:30",
            copy_tags_to_snapshot=True,
            deletion_protection=size.protected,
            enable_cloudwatch_logs_exports=["audit", "profiler"],
        )
        cluster.cfn_options.deletion_policy = CfnDeletionPolicy.SNAPSHOT
        cluster.cfn_options.update_replace_policy = CfnDeletionPolicy.SNAPSHOT
        return cluster

    def _instances(self, size: DocumentSize) -> None:
        for number in range(1, size.instances + 1):
            docdb.CfnDBInstance(
                self,
                f"Instance{number}",
                db_cluster_identifier=self.cluster.ref,
                db_instance_identifier=f"{self.name}-{number}",
                db_instance_class=size.instance_class,
                auto_minor_version_upgrade=True,
            )
