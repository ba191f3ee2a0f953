"""What the clusters of one environment share: kOps's state, the keys of service accounts, a key for volumes.

The names of the outputs are those that `tools/deployment/clusters/outputs.py` reads.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.environment import Environment

IDENTITY_FILES = ("/.well-known/openid-configuration", "/openid/v1/jwks")


def discovery_bucket_of(environment: str) -> str:
    """The bucket from which IAM reads by which keys a cluster signs its service accounts' tokens."""
    return f"reclothes-{environment}-kops-discovery"


def cluster_name(service: str, domain: str) -> str:
    return f"{service}.k8s.{domain}"


class ClustersStack(Stack):
    """The buckets and the key of all clusters of an environment."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        log = self._bucket("AccessLogs", f"reclothes-{environment.name}-kops-access-logs")
        state = self._bucket("State", f"reclothes-{environment.name}-kops-state", log=log)
        discovery = self._bucket("Discovery", discovery_bucket_of(environment.name), log=log, is_public=True)
        self._publish_identities(discovery)
        key = kms.Key(
            self,
            "VolumeKey",
            alias=f"alias/reclothes-{environment.name}-cluster-volumes",
            description="Encrypts the volumes of the clusters",
            enable_key_rotation=True,
        )
        outputs = {
            "Region": environment.region,
            "Domain": environment.domain,
            "KopsStateBucket": state.bucket_name,
            "KopsDiscoveryBucket": discovery.bucket_name,
            "KopsVolumeKeyArn": key.key_arn,
            "CompanyRange": str(environment.company_range),
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)

    def _bucket(self, id_: str, name: str, *, log: s3.Bucket | None = None, is_public: bool = False) -> s3.Bucket:
        """A bucket by TLS only. A public one can be opened by its policy, never by rights on an object."""
        by_policy_only = s3.BlockPublicAccess(
            block_public_acls=True,
            ignore_public_acls=True,
            block_public_policy=False,
            restrict_public_buckets=False,
        )
        return s3.Bucket(
            self,
            id_,
            bucket_name=name,
            versioned=True,
            enforce_ssl=True,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=by_policy_only if is_public else s3.BlockPublicAccess.BLOCK_ALL,
            removal_policy=RemovalPolicy.RETAIN,
            server_access_logs_bucket=log,
            server_access_logs_prefix=f"{id_.lower()}/" if log else None,
        )

    @staticmethod
    def _publish_identities(bucket: s3.Bucket) -> None:
        """IAM reads as anybody would (its guide, "Create an OpenID Connect identity provider"); keys are public."""
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="PublicKeys",
                principals=[iam.AnyPrincipal()],
                actions=["s3:GetObject"],
                resources=[bucket.arn_for_objects(f"*{file}") for file in IDENTITY_FILES],
            )
        )
