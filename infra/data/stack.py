"""What keeps a service's data, in that service's data subnets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.data.caches import OWNER, Cache, CacheSize, reader_of_settings
from infra.data.documents import DocumentDatabase, DocumentSize
from infra.data.relational import RelationalDatabase, RelationalSize
from infra.names import SERVICES
from infra.network.service_network import ServiceNetwork

# The caches: whose subnets they are in, and who may do what there.
CACHES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "sessions": ("auth", {"auth": OWNER}),
    "carts": ("shopping", {"shopping": OWNER}),
    "settings": ("admin", {s: OWNER if s == "admin" else reader_of_settings(s) for s in SERVICES}),
}


@dataclass(frozen=True)
class DataSizes:
    """The sizes of one environment, from its settings file."""

    relational: RelationalSize
    documents: DocumentSize
    cache: CacheSize
    log_days: int

    @classmethod
    def from_settings(cls, data: Mapping[str, Any], log_days: int) -> DataSizes:
        return cls(
            RelationalSize(**data["relational"]),
            DocumentSize(**data["documents"]),
            CacheSize(**data["cache"]),
            log_days,
        )


class DataStack(Stack):
    """A MySQL for every service, the DocumentDB of shopping, and the caches that are in this service's subnets."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: str,
        network: ServiceNetwork,
        sizes: DataSizes,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        self.service = network.service
        self.key = self._make_key()
        common: dict[str, Any] = {
            "environment": environment,
            "network": network,
            "key": self.key,
            "log_days": sizes.log_days,
        }
        self.relational = RelationalDatabase(self, "Relational", size=sizes.relational, **common)
        self.documents: DocumentDatabase | None = None
        if self.service == "shopping":
            self.documents = DocumentDatabase(self, "Documents", size=sizes.documents, **common)
        self.caches = {
            purpose: Cache(
                self, f"{purpose.capitalize()}Cache", purpose=purpose, users=users, size=sizes.cache, **common
            )
            for purpose, (home, users) in CACHES.items()
            if home == self.service
        }

    def _make_key(self) -> kms.Key:
        key = kms.Key(
            self,
            "DataKey",
            alias=f"alias/{self.stack_name.lower()}",
            description=f"Encrypts what {self.service} keeps",
            enable_key_rotation=True,
        )
        groups = f"arn:{self.partition}:logs:{self.region}:{self.account}:*"
        # CloudWatch encrypts log groups for us (CloudWatch Logs user guide, "Encrypt log data using AWS KMS").
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{self.region}.amazonaws.com")],
                actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
            )
        )
        return key
