"""The buckets of photos that are not public: of donations and of checks. The shop's stand with the web sites."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.edge.logs import log_bucket
from infra.edge.sites import closed_bucket


class PhotosStack(Stack):
    """Who owns which bucket; customers and staff put photos there by forms that the services signed."""

    def __init__(
        self, scope: Construct, id_: str, *, environment: str, domain: str, log_days: int, **kwargs: Any
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        logs = log_bucket(self, "Logs", f"reclothes-{environment}-photo-logs", days=log_days, by_acl=True)
        pages = {
            "customer": ("donation-photos", f"https://www.{domain}"),
            "admin": ("check-photos", f"https://manage.internal.{domain}"),
        }
        self.buckets: dict[str, s3.Bucket] = {}
        for service, (key, page) in pages.items():
            cors = s3.CorsRule(
                allowed_methods=[s3.HttpMethods.POST, s3.HttpMethods.GET],
                allowed_origins=[page],
                allowed_headers=["*"],
                max_age=600,
            )
            self.buckets[service] = closed_bucket(self, key, f"reclothes-{environment}-{key}", logs, cors=[cors])
