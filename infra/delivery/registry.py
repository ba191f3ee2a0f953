"""The registry of images: one for all environments, since what runs in production is what was tested before."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.environment import SERVICES

KEPT_IMAGES = 50
UNTAGGED_DAYS = 7


class RegistryStack(Stack):
    """A repository for each service: tags never move, each image is scanned, old ones go."""

    def __init__(self, scope: Construct, id_: str, **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        key = kms.Key(
            self,
            "Key",
            alias="alias/reclothes-images",
            description="Encrypts the images",
            enable_key_rotation=True,
        )
        self.repositories = {service: self._repository(service, key) for service in SERVICES}

    def _repository(self, service: str, key: kms.Key) -> ecr.Repository:
        return ecr.Repository(
            self,
            service.capitalize(),
            repository_name=f"reclothes/{service}",
            encryption_key=key,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    rule_priority=1,
                    description="Layers without a name",
                    tag_status=ecr.TagStatus.UNTAGGED,
                    max_image_age=Duration.days(UNTAGGED_DAYS),
                ),
                ecr.LifecycleRule(
                    rule_priority=2,
                    description="The newest images are kept",
                    tag_status=ecr.TagStatus.ANY,
                    max_image_count=KEPT_IMAGES,
                ),
            ],
        )
