"""Both web sites and the photos: closed buckets, read by CloudFront alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import CfnParameter, Duration, RemovalPolicy, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.edge.logs import log_bucket
from infra.names import logical

PRICE_CLASS = cloudfront.PriceClass.PRICE_CLASS_100  # Europe and North America


@dataclass(frozen=True)
class Site:
    """Something static under a name of its own; a page of one application, or single files such as photos."""

    key: str
    name: str
    is_application: bool
    api: str = ""


class SitesStack(Stack):
    """The distributions and what they read; the certificate comes from `SiteNamesStack`, as a parameter."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: str,
        domain: str,
        zone: route53.IHostedZone,
        log_days: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        self._environment = environment
        self._certificate = self._certificate_parameter()
        self._logs = log_bucket(self, "Logs", f"reclothes-{environment}-sites-logs", days=log_days, by_acl=True)
        sites = (
            Site("shop", f"www.{domain}", True, f"https://api.{domain}"),
            Site("manage", f"manage.internal.{domain}", True, f"https://api.internal.{domain}"),
            Site("photos", f"photos.{domain}", False),
        )
        self.buckets: dict[str, s3.Bucket] = {}
        self.distributions: dict[str, cloudfront.Distribution] = {}
        for site in sites:
            self.buckets[site.key] = self._bucket(site, f"https://manage.internal.{domain}")
            self.distributions[site.key] = self._distribution(site)
            self._name(site, zone)

    def _certificate_parameter(self) -> acm.ICertificate:
        arn = CfnParameter(
            self,
            "CertificateArn",
            type="String",
            allowed_pattern="arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/.+",
            description="Output CertificateArn of the stack with the names of the sites, in us-east-1",
        )
        return acm.Certificate.from_certificate_arn(self, "Certificate", arn.value_as_string)

    def _bucket(self, site: Site, uploader: str) -> s3.Bucket:
        """Photos are put there by staff's browsers with a form that the shopping service signed."""
        rules = []
        if not site.is_application:
            rules = [
                s3.CorsRule(
                    allowed_methods=[s3.HttpMethods.POST],
                    allowed_origins=[uploader],
                    allowed_headers=["*"],
                    max_age=600,
                )
            ]
        name = f"reclothes-{self._environment}-{site.key}"
        bucket = closed_bucket(self, site.key, name, self._logs, cors=rules)
        if not site.is_application:
            bucket.add_to_resource_policy(_no_originals(bucket))
        return bucket

    def _distribution(self, site: Site) -> cloudfront.Distribution:
        policy = cloudfront.ResponseHeadersPolicy(
            self,
            f"{logical(site.key)}Headers",
            response_headers_policy_name=f"reclothes-{self._environment}-{site.key}",
            security_headers_behavior=_security_headers(site),
            remove_headers=["Server"],
        )
        errors = []
        if site.is_application:  # every path of the application gets its single page
            errors = [
                cloudfront.ErrorResponse(
                    http_status=403,
                    response_http_status=200,
                    response_page_path="/index.html",
                    ttl=Duration.seconds(10),
                )
            ]
        return cloudfront.Distribution(
            self,
            f"{logical(site.key)}Distribution",
            comment=f"ReClothes {self._environment}: {site.key}",
            domain_names=[site.name],
            certificate=self._certificate,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=PRICE_CLASS,
            default_root_object="index.html" if site.is_application else None,
            error_responses=errors,
            enable_logging=True,
            log_bucket=self._logs,
            log_file_prefix=f"{site.key}/",
            default_behavior=cloudfront.BehaviorOptions(
                origin=origins.S3BucketOrigin.with_origin_access_control(self.buckets[site.key]),
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
                cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
                response_headers_policy=policy,
            ),
        )

    def _name(self, site: Site, zone: route53.IHostedZone) -> None:
        target = route53.RecordTarget.from_alias(targets.CloudFrontTarget(self.distributions[site.key]))
        route53.ARecord(self, f"{logical(site.key)}A", zone=zone, record_name=f"{site.name}.", target=target)
        route53.AaaaRecord(self, f"{logical(site.key)}Aaaa", zone=zone, record_name=f"{site.name}.", target=target)


def _no_originals(bucket: s3.Bucket) -> iam.PolicyStatement:
    """Uploaded files, with the place and owner that a camera writes into them, are not for CloudFront."""
    return iam.PolicyStatement(
        sid="OriginalsStayPrivate",
        effect=iam.Effect.DENY,
        principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
        actions=["s3:GetObject"],
        resources=[bucket.arn_for_objects("originals/*")],
    )


def closed_bucket(
    scope: Construct, key: str, name: str, logs: s3.Bucket, cors: Sequence[s3.CorsRule] = ()
) -> s3.Bucket:
    """A bucket that nobody outside can read, with its versions and a log of who read it."""
    return s3.Bucket(
        scope,
        f"{logical(key)}Bucket",
        bucket_name=f"{name}-{Stack.of(scope).account}",
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        versioned=True,
        server_access_logs_bucket=logs,
        server_access_logs_prefix=f"s3/{key}/",
        removal_policy=RemovalPolicy.RETAIN,
        cors=list(cors),
        lifecycle_rules=[
            s3.LifecycleRule(
                noncurrent_version_expiration=Duration.days(30),
                abort_incomplete_multipart_upload_after=Duration.days(1),
            )
        ],
    )


def _security_headers(site: Site) -> cloudfront.ResponseSecurityHeadersBehavior:
    policy = "default-src 'none'; frame-ancestors 'none'"
    if site.is_application:
        photos = "https:"  # photos come from CloudFront, those of donations by signed addresses of S3
        policy = (
            f"default-src 'self'; connect-src 'self' {site.api} https://*.amazonaws.com https://api.stripe.com; "
            f"img-src 'self' data: {photos}; script-src 'self' https://js.stripe.com; "
            "frame-src https://js.stripe.com; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
        )
    return cloudfront.ResponseSecurityHeadersBehavior(
        content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
            content_security_policy=policy, override=True
        ),
        content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
        frame_options=cloudfront.ResponseHeadersFrameOptions(
            frame_option=cloudfront.HeadersFrameOption.DENY, override=True
        ),
        referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
            referrer_policy=cloudfront.HeadersReferrerPolicy.SAME_ORIGIN, override=True
        ),
        strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
            access_control_max_age=Duration.days(730), include_subdomains=True, override=True
        ),
    )
