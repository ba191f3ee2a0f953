"""The web ACL in front of the external gateway: Amazon's rule groups, address lists and the stage's limits.

Rates and body lengths are those of `gateway-config/external.yaml`; `infra/inputs.py` wrote them down by operation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from infra.edge.patterns import longer_than, paths_pattern
from infra.names import logical
from infra.retention import retention_days

Rule = waf.CfnWebACL.RuleProperty
Statement = waf.CfnWebACL.StatementProperty

INSPECTED_BYTES = 65536  # the most that a web ACL of an API Gateway can see
_AS_IT_IS = [waf.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")]
_PATH = waf.CfnWebACL.FieldToMatchProperty(uri_path={})

# Amazon's rule groups, with the rules that only count, and why.
MANAGED: Sequence[tuple[str, Mapping[str, str]]] = (
    ("AWSManagedRulesAmazonIpReputationList", {}),
    (
        "AWSManagedRulesAnonymousIpList",
        {"HostingProviderIPList": "the payment provider and API consumers are servers"},
    ),
    ("AWSManagedRulesKnownBadInputsRuleSet", {}),
    ("AWSManagedRulesSQLiRuleSet", {}),
    ("AWSManagedRulesCommonRuleSet", {"SizeRestrictions_BODY": "our own size rules are by operation"}),
)


class Firewall(Construct):
    """A web ACL and its log, which contains no token."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        stage: Mapping[str, Any],
        blocked_addresses: Sequence[str],
        log_days: int,
        log_key: kms.IKey,
    ) -> None:
        super().__init__(scope, id_)
        self.name = name
        statements = [
            *self._blocked(blocked_addresses),
            *((f"Rate-{rate['name']}", rate_of(rate, stage)) for rate in stage["rateRules"]),
            *body_rules(stage["bodyLimits"]),
        ]
        rules = [_blocking(priority, title, statement) for priority, (title, statement) in enumerate(statements)]
        rules += [_managed(len(rules) + at, *group) for at, group in enumerate(MANAGED)]
        self.acl = waf.CfnWebACL(
            self,
            "Acl",
            name=name,
            scope="REGIONAL",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            rules=rules,
            visibility_config=_visible(name),
            association_config=waf.CfnWebACL.AssociationConfigProperty(
                request_body={
                    "API_GATEWAY": waf.CfnWebACL.RequestBodyAssociatedResourceTypeConfigProperty(
                        default_size_inspection_limit="KB_64"
                    )
                }
            ),
        )
        self._log(log_days, log_key)

    def _blocked(self, addresses: Sequence[str]) -> Iterable[tuple[str, Statement]]:
        """The address lists, one for each version of IP; an empty list is there to be filled in a hurry."""
        for version, expected in (
            ("IPV4", [one for one in addresses if ":" not in one]),
            ("IPV6", [one for one in addresses if ":" in one]),
        ):
            listed = waf.CfnIPSet(
                self,
                f"Blocked{version}",
                name=f"{self.name}-blocked-{version.lower()}",
                description="Addresses that may not call at all",
                scope="REGIONAL",
                ip_address_version=version,
                addresses=expected,
            )
            yield f"Blocked-{version}", Statement(ip_set_reference_statement={"arn": listed.attr_arn})

    def _log(self, days: int, key: kms.IKey) -> None:
        group = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"aws-waf-logs-{self.name}",
            retention=retention_days(days),
            encryption_key=key,
        )
        arn = Stack.of(self).format_arn(service="logs", resource=f"log-group:{group.log_group_name}")
        waf.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=self.acl.attr_arn,
            log_destination_configs=[arn],
            redacted_fields=[
                waf.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": header})
                for header in ("authorization", "cookie", "idempotency-key")
            ],
        )


def rate_of(rate: Mapping[str, Any], stage: Mapping[str, Any]) -> Statement:
    """The rate limit of one throttle class: requests per address in five minutes."""
    asked_for = [
        (operation["httpMethod"], operation["resourcePath"])
        for operation in stage["methodSettings"]
        if operation["throttleClass"] == rate["name"]
    ]
    return Statement(
        rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
            aggregate_key_type="IP",
            limit=rate["limitPerFiveMinutes"],
            evaluation_window_sec=300,
            scope_down_statement=_operation_in(asked_for),
        )
    )


def body_rules(limits: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, Statement]]:
    """A rule for each length: it refuses longer bodies everywhere but where a longer one is allowed."""
    for most in sorted({limit["bytes"] for limit in limits}):
        longer = [(limit["method"], limit["path"]) for limit in limits if limit["bytes"] > most]
        too_long = _body_longer_than(most)
        if longer:
            too_long = _all([too_long, Statement(not_statement={"statement": _operation_in(longer)})])
        yield f"Body-{most}", too_long


def _body_longer_than(most: int) -> Statement:
    """By the body itself as far as it is seen, beyond that by Content-Length."""
    if most < INSPECTED_BYTES:
        body = waf.CfnWebACL.FieldToMatchProperty(body={"oversizeHandling": "MATCH"})
        return Statement(
            size_constraint_statement=waf.CfnWebACL.SizeConstraintStatementProperty(
                comparison_operator="GT", field_to_match=body, size=most, text_transformations=_AS_IT_IS
            )
        )
    return _matches(waf.CfnWebACL.FieldToMatchProperty(single_header={"Name": "content-length"}), longer_than(most))


def _operation_in(operations: Sequence[tuple[str, str]]) -> Statement:
    """Whether the request is one of these (method, path)."""
    paths: dict[str, list[str]] = {}
    for method, path in operations:
        paths.setdefault(method, []).append(path)
    return _any([_all([_method_is(method), _path_in(found)]) for method, found in sorted(paths.items())])


def _method_is(method: str) -> Statement:
    return Statement(
        byte_match_statement=waf.CfnWebACL.ByteMatchStatementProperty(
            field_to_match=waf.CfnWebACL.FieldToMatchProperty(method={}),
            positional_constraint="EXACTLY",
            search_string=method,
            text_transformations=_AS_IT_IS,
        )
    )


def _path_in(paths: Sequence[str]) -> Statement:
    return _any([_matches(_PATH, pattern) for pattern in paths_pattern(paths)])


def _matches(field: waf.CfnWebACL.FieldToMatchProperty, pattern: str) -> Statement:
    return Statement(
        regex_match_statement=waf.CfnWebACL.RegexMatchStatementProperty(
            field_to_match=field, regex_string=pattern, text_transformations=_AS_IT_IS
        )
    )


def _any(statements: Sequence[Statement]) -> Statement:
    """OR takes two or more."""
    return statements[0] if len(statements) == 1 else Statement(or_statement={"statements": list(statements)})


def _all(statements: Sequence[Statement]) -> Statement:
    return statements[0] if len(statements) == 1 else Statement(and_statement={"statements": list(statements)})


def _blocking(priority: int, title: str, statement: Statement) -> Rule:
    return Rule(
        name=title,
        priority=priority,
        statement=statement,
        action=waf.CfnWebACL.RuleActionProperty(block={}),
        visibility_config=_visible(title),
    )


def _managed(priority: int, group: str, counting: Mapping[str, str]) -> Rule:
    overrides = [
        waf.CfnWebACL.RuleActionOverrideProperty(
            name=name, action_to_use=waf.CfnWebACL.RuleActionProperty(count={})
        )
        for name in counting
    ]
    return Rule(
        name=group,
        priority=priority,
        statement=Statement(
            managed_rule_group_statement=waf.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS", name=group, rule_action_overrides=overrides or None
            )
        ),
        override_action=waf.CfnWebACL.OverrideActionProperty(none={}),
        visibility_config=_visible(group),
    )


def _visible(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    """Metrics of every rule; no samples, since whole requests with their tokens would be in them."""
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=logical(name), sampled_requests_enabled=False
    )
