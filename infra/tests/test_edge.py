"""The ways in: the firewall, the two gateways, the load balancers and the web sites."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import environment as environments
from infra.edge.patterns import longer_than, path_pattern, paths_pattern
from infra.environment import SERVICES
from infra.synth import OUT, use_own_node
from infra.tests.support import ENVIRONMENTS
from infra.tests.templates import properties, template

HELM = Path(__file__).parents[2] / "helm"
MANAGED_GROUPS = {
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesSQLiRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesAnonymousIpList",
}


def stage_settings(environment: str, gateway: str) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads((OUT / "inputs" / environment / f"{gateway}-stage.json").read_text())
    return settings


def acl(environment: str) -> dict[str, Any]:
    [found] = properties(environment, "AWS::WAFv2::WebACL").values()
    return found


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_firewall_stands_before_the_external_gateway_with_all_rule_groups(environment: str) -> None:
    [association] = properties(environment, "AWS::WAFv2::WebACLAssociation").items()
    groups = {
        rule["Statement"]["ManagedRuleGroupStatement"]["Name"]
        for rule in acl(environment)["Rules"]
        if "ManagedRuleGroupStatement" in rule["Statement"]
    }

    assert "external-gateway" in association[0]
    assert groups == MANAGED_GROUPS
    blocking = [rule for rule in acl(environment)["Rules"] if rule.get("Action") == {"Block": {}}]
    assert len(blocking) + len(groups) == len(acl(environment)["Rules"])
    assert all(rule["VisibilityConfig"]["CloudWatchMetricsEnabled"] for rule in acl(environment)["Rules"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_rates_are_those_of_the_gateway_configuration(environment: str) -> None:
    rates = stage_settings(environment, "external")["rateRules"]
    expected = {rate["name"]: rate["limitPerFiveMinutes"] for rate in rates}
    limits = {
        rule["Name"].removeprefix("Rate-"): rule["Statement"]["RateBasedStatement"]["Limit"]
        for rule in acl(environment)["Rules"]
        if "RateBasedStatement" in rule["Statement"]
    }

    assert limits == expected


def test_each_operation_is_counted_by_the_rule_of_its_own_throttle_class() -> None:
    """Played with the statements of the template: a request of each operation meets its class and no other."""
    rates = {
        rule["Name"].removeprefix("Rate-"): rule["Statement"]["RateBasedStatement"]["ScopeDownStatement"]
        for rule in acl("prod")["Rules"]
        if "RateBasedStatement" in rule["Statement"]
    }
    for operation in stage_settings("prod", "external")["methodSettings"]:
        path = re.sub(r"\{[^}]*\}", "prd_01J-x", operation["resourcePath"])
        request = {"method": operation["httpMethod"], "path": path, "length": 0}
        assert [name for name, rule in rates.items() if holds(rule, request)] == [operation["throttleClass"]]


def test_a_body_is_refused_exactly_when_it_is_longer_than_its_operation_allows() -> None:
    rules = [rule["Statement"] for rule in acl("prod")["Rules"] if rule["Name"].startswith("Body-")]
    for limit in stage_settings("prod", "external")["bodyLimits"]:
        path = re.sub(r"\{[^}]*\}", "prd_01J-x", limit["path"])
        for length, refused in ((limit["bytes"], False), (limit["bytes"] + 1, True), (10_000_000, True)):
            request = {"method": limit["method"], "path": path, "length": length}
            assert any(holds(rule, request) for rule in rules) is refused, (limit, length)


def holds(statement: dict[str, Any], request: dict[str, Any]) -> bool:
    """Whether a statement of WAF matches, for the kinds that our own rules have."""
    [(kind, inner)] = statement.items()
    if kind == "OrStatement":
        return any(holds(one, request) for one in inner["Statements"])
    if kind == "AndStatement":
        return all(holds(one, request) for one in inner["Statements"])
    if kind == "NotStatement":
        return not holds(inner["Statement"], request)
    if kind == "ByteMatchStatement":
        return bool(request["method"] == inner["SearchString"])
    if kind == "SizeConstraintStatement":
        return bool(request["length"] > inner["Size"])
    assert kind == "RegexMatchStatement"
    assert len(inner["RegexString"]) <= 512
    value = request["path"] if "UriPath" in inner["FieldToMatch"] else str(request["length"])
    return re.search(inner["RegexString"], value) is not None


@pytest.mark.parametrize("number", [8192, 65536, 262144, 99, 9])
def test_a_pattern_of_longer_numbers_matches_those_and_no_others(number: int) -> None:
    pattern = re.compile(longer_than(number))
    around = {0, 1, number - 1, number, number + 1, number * 10, number * 2, 10 ** len(str(number)), 999, 1000}

    assert {one for one in around if pattern.search(str(one))} == {one for one in around if one > number}


def test_a_path_pattern_takes_one_segment_for_a_parameter() -> None:
    pattern = re.compile(f"^{path_pattern('/shopping/v1/products/{product_id}')}$")

    assert pattern.search("/shopping/v1/products/prd_1")
    assert not pattern.search("/shopping/v1/products/prd_1/photos")
    assert not pattern.search("/shoppingXv1/products")
    many = [f"/customer/v1/a-very-long-name-{number}/{{id}}" for number in range(60)]
    assert all(len(one) <= 512 for one in paths_pattern(many))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_external_gateway_is_regional_the_internal_one_private(environment: str) -> None:
    kinds = {
        api["Name"].rpartition("-")[2]: api["EndpointConfiguration"]["Types"]
        for api in properties(environment, "AWS::ApiGateway::RestApi").values()
    }
    assert kinds == {"external": ["REGIONAL"], "internal": ["PRIVATE"]}
    for api in properties(environment, "AWS::ApiGateway::RestApi").values():
        assert api["FailOnWarnings"] is True
        assert api["DisableExecuteApiEndpoint"] is True
        names = re.findall(r"\$\{([^}]*)\}", json.dumps(api["Body"]))
        assert {name.partition(".")[0] for name in names} == {"stageVariables"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nobody_calls_the_internal_gateway_but_by_its_door(environment: str) -> None:
    body = gateway_body(environment, "internal")
    statements = body["x-amazon-apigateway-policy"]["Statement"]
    refusals = [one["Condition"] for one in statements if one["Effect"] == "Deny"]

    assert [next(iter(one)) for one in refusals] == ["NotIpAddress", "StringNotEquals"]
    assert "0.0.0.0/0" not in json.dumps(refusals)
    assert "EntryExports" in json.dumps(refusals) or "GatewayEndpoint" in json.dumps(refusals[1])


def gateway_body(environment: str, gateway: str) -> dict[str, Any]:
    resources = template(environment, f"{gateway}-gateway")["Resources"].values()
    [api] = [one for one in resources if one["Type"] == "AWS::ApiGateway::RestApi"]
    body: dict[str, Any] = api["Properties"]["Body"]
    return body


@pytest.mark.parametrize("gateway", ["external", "internal"])
def test_each_operation_is_throttled_and_each_variable_has_a_value(gateway: str) -> None:
    resources = template("prod", f"{gateway}-gateway")["Resources"].values()
    [stage] = [one["Properties"] for one in resources if one["Type"] == "AWS::ApiGateway::Stage"]
    settings = stage_settings("prod", gateway)
    throttled = {
        (one["HttpMethod"], one["ResourcePath"]) for one in stage["MethodSettings"] if "ThrottlingRateLimit" in one
    }

    assert set(stage["Variables"]) == set(settings["stageVariables"])
    assert throttled == {
        (one["httpMethod"], "/" + one["resourcePath"].replace("/", "~1")) for one in settings["methodSettings"]
    }
    assert all(one["DataTraceEnabled"] is False for one in stage["MethodSettings"])
    logged = json.loads(stage["AccessLogSetting"]["Format"])
    assert not {"authorization", "query"} & set(json.dumps(logged).lower().split('"'))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_each_gateway_shows_a_certificate_writes_a_log_and_has_a_plan_for_consumers(environment: str) -> None:
    stages = properties(environment, "AWS::ApiGateway::Stage").values()
    plans = properties(environment, "AWS::ApiGateway::UsagePlan").values()

    assert len(stages) == len(plans) == 2
    for stage in stages:
        assert stage["ClientCertificateId"]["Ref"] == "ClientCertificate"
        assert stage["AccessLogSetting"]["DestinationArn"]["Fn::GetAtt"][0].startswith("AccessLog")
        assert stage["StageName"] == "live"
    for plan in plans:
        assert [one["Stage"] for one in plan["ApiStages"]] == ["live"]
        assert plan["Quota"]["Limit"] > 0
        assert plan["Throttle"]["RateLimit"] > 0


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_firewall_writes_down_no_token(environment: str) -> None:
    [logging] = properties(environment, "AWS::WAFv2::LoggingConfiguration").values()

    redacted = {one["SingleHeader"]["Name"] for one in logging["RedactedFields"]}
    assert redacted == {"authorization", "cookie", "idempotency-key"}
    assert len(logging["LogDestinationConfigs"]) == 1


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_certificates_prove_themselves_in_the_zone_and_only_amazon_issues_them(environment: str) -> None:
    certificates = properties(environment, "AWS::CertificateManager::Certificate")
    for where, certificate in certificates.items():
        assert certificate["ValidationMethod"] == "DNS", where
        names = {certificate["DomainName"], *certificate["SubjectAlternativeNames"]}
        proven = {one["DomainName"] for one in certificate["DomainValidationOptions"] if one["HostedZoneId"]}
        assert proven == names, where
    issuers = [one for one in properties(environment, "AWS::Route53::RecordSet").values() if one["Type"] == "CAA"]
    assert [one["ResourceRecords"] for one in issuers] == [['0 issue "amazon.com"', '0 issuewild "amazon.com"']]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_public_zone_knows_nothing_of_the_gateway_for_staff_and_of_the_services(environment: str) -> None:
    domain = environments.load(environment).domain
    zones = {
        one["Name"].rstrip("."): "VPCs" in one
        for one in properties(environment, "AWS::Route53::HostedZone").values()
    }
    records = properties(environment, "AWS::Route53::RecordSet").values()
    private = {one["Name"].rstrip(".") for one in records if "InternalZone" in json.dumps(one["HostedZoneId"])}
    public = {one["Name"].rstrip(".") for one in records} - private

    assert zones == {domain: False, f"internal.{domain}": True}
    services = {f"{service}.services.internal.{domain}" for service in SERVICES}
    assert private == {f"api.internal.{domain}"} | services
    sites = {f"www.{domain}", f"photos.{domain}", f"manage.internal.{domain}"}
    assert public == {domain, f"api.{domain}"} | sites


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_uploaded_files_of_photos_are_denied_to_cloudfront(environment: str) -> None:
    policies = json.dumps(list(properties(environment, "AWS::S3::BucketPolicy").values()))
    assert policies.count('"OriginalsStayPrivate"') == 1
    assert policies.count("/originals/*") == 1


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_names_and_listeners_take_no_old_tls(environment: str) -> None:
    names = [
        *properties(environment, "AWS::ApiGateway::DomainName").values(),
        *properties(environment, "AWS::ApiGateway::DomainNameV2").values(),
    ]
    assert [name["SecurityPolicy"] for name in names] == ["TLS_1_2", "TLS_1_2"]
    for listener in properties(environment, "AWS::ElasticLoadBalancingV2::Listener").values():
        assert (listener["Protocol"], listener["Port"]) == ("HTTPS", 443)
        assert listener["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2")
    for distribution in properties(environment, "AWS::CloudFront::Distribution").values():
        viewer = distribution["DistributionConfig"]
        assert viewer["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
        assert viewer["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "https-only"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_load_balancer_answers_403_unless_a_gateway_proves_itself_or_a_peer_calls(environment: str) -> None:
    balancers = properties(environment, "AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert {balancer["Scheme"] for balancer in balancers.values()} == {"internal"}
    for listener in properties(environment, "AWS::ElasticLoadBalancingV2::Listener").values():
        [action] = listener["DefaultActions"]
        assert action["FixedResponseConfig"]["StatusCode"] == "403"
    for where, rule in properties(environment, "AWS::ElasticLoadBalancingV2::ListenerRule").items():
        [condition] = rule["Conditions"]
        if condition["Field"] == "http-header":
            assert condition["HttpHeaderConfig"]["HttpHeaderName"] == "X-Gateway-Proof", where
            assert len(condition["HttpHeaderConfig"]["Values"]) == 2, where
            assert "resolve:secretsmanager" in json.dumps(condition), where
        else:
            assert condition["Field"] == "source-ip", where
            assert all(value.startswith("10.") for value in condition["SourceIpConfig"]["Values"]), where


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_requests_are_shared_out_as_the_charts_say(environment: str) -> None:
    """Round robin where nothing else is said, least outstanding requests where work is uneven."""
    usual = read_yaml(HELM / "service" / "values.yaml")["loadBalancer"]["algorithm"]
    expected = {
        service: read_yaml(HELM / "values" / f"{service}.yaml").get("loadBalancer", {}).get("algorithm", usual)
        for service in SERVICES
    }
    chosen = {
        group["Name"].rpartition("-")[2]: attribute["Value"]
        for group in properties(environment, "AWS::ElasticLoadBalancingV2::TargetGroup").values()
        for attribute in group["TargetGroupAttributes"]
        if attribute["Key"] == "load_balancing.algorithm.type"
    }

    assert chosen == expected
    assert set(chosen.values()) == {"round_robin", "least_outstanding_requests"}


def read_yaml(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    return found


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_sites_send_security_headers_and_are_logged(environment: str) -> None:
    headers = properties(environment, "AWS::CloudFront::ResponseHeadersPolicy")
    by_id = {where.partition("/")[2]: one["ResponseHeadersPolicyConfig"] for where, one in headers.items()}

    for where, one in properties(environment, "AWS::CloudFront::Distribution").items():
        site = one["DistributionConfig"]
        sent = by_id[site["DefaultCacheBehavior"]["ResponseHeadersPolicyId"]["Ref"]]["SecurityHeadersConfig"]
        assert "Bucket" in site["Logging"], where
        assert sent["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31_536_000, where
        assert sent["FrameOptions"]["FrameOption"] == "DENY", where
        assert "unsafe" not in sent["ContentSecurityPolicy"]["ContentSecurityPolicy"], where
        assert {"ContentTypeOptions", "ReferrerPolicy"} <= sent.keys(), where


def closed_of(environment: str, kind: str) -> dict[str, dict[str, Any]]:
    """All but the one with the public keys of the clusters, of which test_clusters.py says what is public."""
    found = properties(environment, kind)
    open_ones = [where for where in found if "-clusters/Discovery" in where]
    assert len(open_ones) == 1
    return {where: one for where, one in found.items() if where not in open_ones}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_buckets_are_closed_and_sites_are_read_by_cloudfront_alone(environment: str) -> None:
    ways = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    closed = dict.fromkeys(ways, True)
    for where, bucket in closed_of(environment, "AWS::S3::Bucket").items():
        assert bucket["PublicAccessBlockConfiguration"] == closed, where
        assert bucket["BucketEncryption"], where
    for where, policy in closed_of(environment, "AWS::S3::BucketPolicy").items():
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                assert statement["Principal"] not in ("*", {"AWS": "*"}), where
                if statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}:
                    assert "AWS:SourceArn" in statement["Condition"]["StringEquals"], where
    origins = [
        origin
        for one in properties(environment, "AWS::CloudFront::Distribution").values()
        for origin in one["DistributionConfig"]["Origins"]
    ]
    assert len(origins) == 3
    assert all("OriginAccessControlId" in origin for origin in origins)


def test_shield_advanced_is_off_until_somebody_switches_it_on() -> None:
    assert [name for name in ENVIRONMENTS if properties(name, "AWS::Shield::Protection")] == []


def test_switched_on_it_protects_the_zone_and_every_site(tmp_path: Path) -> None:
    use_own_node()
    import aws_cdk as cdk

    from infra.edge.names import NamesStack
    from infra.edge.shield import ShieldStack
    from infra.edge.sites import SitesStack

    app = cdk.App(outdir=str(tmp_path), analytics_reporting=False, builtin_cloud_formation_validation=False)
    zone = NamesStack(app, "names", domain="reclothes.example").zone
    sites = SitesStack(app, "sites", environment="prod", domain="reclothes.example", zone=zone, log_days=30)
    ShieldStack(app, "shield", environment="prod", zone=zone, sites=sites)
    app.synth()

    made = json.loads((tmp_path / "shield.template.json").read_text())["Resources"].values()
    names = {one["Properties"]["Name"] for one in made if one["Type"] == "AWS::Shield::Protection"}
    assert names == {f"reclothes-prod-{name}" for name in ("zone", "shop", "manage", "photos")}
