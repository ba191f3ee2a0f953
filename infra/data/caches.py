"""ElastiCache (Valkey): TLS, a user with a password of its own for each service, a replica in the other zone.

Cluster mode is off, since a cart's script touches several keys at once. A full cache refuses writes and evicts
nothing: the services then work on their databases, slower, and no cart change that is not yet saved is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import CfnDeletionPolicy
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.data.secrets import UserSecret
from infra.names import group_id, logical, subnet_ids
from infra.network.service_network import ServiceNetwork
from infra.retention import retention_days

PORT = 6379
# What a client of the services may say in any case; nothing that reads or changes the server.
_CONNECTING = "+ping +hello +auth +client|setinfo +client|setname +select +info +command|docs"
OWNER = f"on ~* +@all -@admin -@dangerous {_CONNECTING}"


def reader_of_settings(service: str) -> str:
    """Reads the copy of the system settings, and claims the service's own periodic jobs (`job:<service>:*`)."""
    return f"on %R~settings ~job:{service}:* -@all +hgetall +set {_CONNECTING}"


@dataclass(frozen=True)
class CacheSize:
    """Nodes of one class: the first is written to, the others are its copies."""

    node_type: str
    nodes: int
    snapshot_days: int


class Cache(Construct):
    """One cache and its users: `users` maps a service to what it may do there."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: str,
        purpose: str,
        users: Mapping[str, str],
        network: ServiceNetwork,
        size: CacheSize,
        key: kms.Key,
        log_days: int,
    ) -> None:
        super().__init__(scope, id_)
        self.name = f"reclothes-{environment}-{purpose}"
        self.nodes = [f"{self.name}-{number:03}" for number in range(1, size.nodes + 1)]
        made = [self._user(environment, purpose, name, rights, key) for name, rights in users.items()]
        self._group = elasticache.CfnUserGroup(
            self, "Users", engine="valkey", user_group_id=self.name, user_ids=[user.ref for user in made]
        )
        log = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/elasticache/{self.name}",
            retention=retention_days(log_days),
            encryption_key=key,
        )
        self.group = self._replication_group(network, size, key, log.log_group_name)
        # Not in the users' secrets: the cache needs its users, so these cannot need the cache.
        ssm.StringParameter(
            self,
            "Host",
            parameter_name=f"/reclothes/{environment}/{purpose}-cache/host",
            string_value=self.group.attr_primary_end_point_address,
            description=f"Where {self.name} is",
        )

    def _replication_group(
        self, network: ServiceNetwork, size: CacheSize, key: kms.Key, log: str
    ) -> elasticache.CfnReplicationGroup:
        subnets = elasticache.CfnSubnetGroup(
            self,
            "Subnets",
            description=f"The data subnets of {network.service}",
            subnet_ids=subnet_ids(network.data_subnets),
        )
        parameters = elasticache.CfnParameterGroup(
            self,
            "Parameters",
            cache_parameter_group_family="valkey8",
            description="Nothing is evicted; cluster mode is off",
            properties={"maxmemory-policy": "noeviction", "cluster-enabled": "no"},
        )
        copies = size.nodes > 1
        destination = elasticache.CfnReplicationGroup.DestinationDetailsProperty(
            cloud_watch_logs_details=elasticache.CfnReplicationGroup.CloudWatchLogsDestinationDetailsProperty(
                log_group=log
            )
        )
        group = elasticache.CfnReplicationGroup(
            self,
            "Group",
            replication_group_id=self.name,
            replication_group_description=f"ReClothes: {self.name}",
            engine="valkey",
            engine_version="8.1",
            cache_node_type=size.node_type,
            num_cache_clusters=size.nodes,
            automatic_failover_enabled=copies,
            multi_az_enabled=copies,
            port=PORT,
            cache_subnet_group_name=subnets.ref,
            cache_parameter_group_name=parameters.ref,
            security_group_ids=[group_id(network.database_group)],
            at_rest_encryption_enabled=True,
            kms_key_id=key.key_arn,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            user_group_ids=[self._group.ref],
            snapshot_retention_limit=size.snapshot_days,
            snapshot_window="01:00-02:00",
            preferred_maintenance_window="sun:02:30-sun:03:30",
            auto_minor_version_upgrade=True,
            log_delivery_configurations=[
                elasticache.CfnReplicationGroup.LogDeliveryConfigurationRequestProperty(
                    destination_type="cloudwatch-logs",
                    destination_details=destination,
                    log_format="json",
                    log_type=kind,
                )
                for kind in ("slow-log", "engine-log")
            ],
        )
        group.cfn_options.deletion_policy = CfnDeletionPolicy.SNAPSHOT
        group.cfn_options.update_replace_policy = CfnDeletionPolicy.SNAPSHOT
        return group

    def _user(self, environment: str, purpose: str, name: str, rights: str, key: kms.Key) -> elasticache.CfnUser:
        secret = UserSecret(
            self,
            f"{logical(name)}Secret",
            key=key,
            environment=environment,
            purpose=f"{name}/{purpose}-cache",
            user_name=name,
            facts={"port": PORT},
        )
        return elasticache.CfnUser(
            self,
            logical(name),
            engine="valkey",
            user_id=f"{self.name}-{name}",
            user_name=name,
            access_string=rights,
            authentication_mode={"Type": "password", "Passwords": [secret.password]},
        )
