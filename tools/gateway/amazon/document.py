"""One gateway as the OpenAPI document that Amazon API Gateway imports as a REST API.

Extensions: docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html. What
differs from place to place is a stage variable (addresses of services, their VPC links), which Amazon fills in by
itself, or one of `placeholders`, which whoever imports the document replaces before. (CloudFormation's `Fn::Sub`
over the whole document would take the stage variables for its own.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tools.gateway.amazon.models import model_name, plain
from tools.gateway.amazon.replies import gateway_responses, problem_body
from tools.gateway.envoy.headers import CORS_ANSWER_HEADERS, CORS_REQUEST_HEADERS
from tools.gateway.envoy.replies import REPLIES
from tools.gateway.model import Exposed, Gateway

AUTHORIZER = "accessToken"
VALIDATOR = "all"
LONGEST_INTEGRATION_SECONDS = 29  # Amazon's default quota
JWT_FROM_AUTHORIZER = "context.authorizer.authorization"
AUTHORIZER_URI = (
    "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${AuthorizerArn}/invocations"
)
PROOF_HEADER = "X-Gateway-Proof"
DOOR = "EndpointId"  # the VPC endpoint that leads to a private gateway


def placeholders(gateway: Gateway, *, private: bool = False) -> tuple[str, ...]:
    """The names in `${…}` that are to be replaced before the import: Amazon takes no stage variable there."""
    exposing = sorted({exposed.operation.service for exposed in gateway.exposed})
    targets = tuple(load_balancer_name(service) for service in exposing)
    return (
        "AWS::Partition",
        "AWS::Region",
        "AuthorizerArn",
        "AuthorizerRoleArn",
        *targets,
        *((DOOR,) if private else ()),
    )


def load_balancer_name(service: str) -> str:
    return f"{service}LoadBalancerArn"


def import_document(
    gateway: Gateway, contracts: Mapping[str, Mapping[str, Any]], *, private: bool = False
) -> dict[str, Any]:
    """The document of `gateway`; `contracts` are the services' contracts with every reference followed."""
    models: dict[str, Any] = {}
    paths = {path: _path(operations, gateway, contracts, models) for path, operations in gateway.by_path().items()}
    return {
        "openapi": "3.0.1",
        "info": {
            "title": f"ReClothes {gateway.name}",
            "description": f"The {gateway.name} gateway, made from openapi/ and gateway-config/.",
            "version": "1.0.0",
        },
        "servers": [_server(gateway.host_names[0])],
        "paths": paths,
        "components": {"schemas": models, "securitySchemes": {AUTHORIZER: _authorizer()}},
        "x-amazon-apigateway-request-validators": {
            VALIDATOR: {"validateRequestBody": True, "validateRequestParameters": True}
        },
        "x-amazon-apigateway-gateway-responses": gateway_responses(gateway.cors),
        "x-amazon-apigateway-policy": _policy(gateway.source_ranges, private=private),
    }


def _server(host_name: str) -> dict[str, Any]:
    """The gateway's own name, whose TLS policy we set, is the only one: Amazon's default endpoint is closed.

    In OpenAPI 3.0 that stands in the server, not at the root ("x-amazon-apigateway-endpoint-configuration object").
    """
    closed = {"disableExecuteApiEndpoint": True}
    return {"url": f"https://{host_name}", "x-amazon-apigateway-endpoint-configuration": closed}


def _path(
    operations: Sequence[Exposed],
    gateway: Gateway,
    contracts: Mapping[str, Mapping[str, Any]],
    models: dict[str, Any],
) -> dict[str, Any]:
    path: dict[str, Any] = {}
    for exposed in operations:
        known = exposed.operation
        declared = contracts[known.service]["paths"][known.path][known.method.lower()]
        path[known.method.lower()] = _operation(exposed, declared, gateway, models)
    if gateway.cors.allowed_origins:
        path["options"] = _preflight(operations, gateway)
    path["x-amazon-apigateway-any-method"] = _method_not_allowed(operations)
    for mock in set(path) - {exposed.operation.method.lower() for exposed in operations}:
        path[mock]["parameters"] = _path_parameters(operations[0])
    return path


def _operation(
    exposed: Exposed, declared: Mapping[str, Any], gateway: Gateway, models: dict[str, Any]
) -> dict[str, Any]:
    known = exposed.operation
    operation: dict[str, Any] = {
        "operationId": known.operation_id,
        "summary": declared["summary"],
        "parameters": [_parameter(found) for found in declared.get("parameters", ())],
        "security": [{AUTHORIZER: []}] if exposed.needs_token else [],
        "responses": {status: {"description": answer["description"]} for status, answer in _answers(declared)},
        "x-amazon-apigateway-request-validator": VALIDATOR,
        "x-amazon-apigateway-integration": _integration(exposed, declared, gateway),
    }
    body = _body(known.operation_id, declared.get("requestBody", {}), models)
    return operation | ({"requestBody": body} if body else {})


def _answers(declared: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(str(status), answer) for status, answer in declared["responses"].items()]


def _parameter(declared: Mapping[str, Any]) -> dict[str, Any]:
    """Only what the import keeps: name, place, whether it is needed, type."""
    kept: dict[str, Any] = {"name": declared["name"], "in": declared["in"]}
    needed = declared.get("required", False)
    return kept | {"required": needed, "schema": {"type": declared["schema"].get("type", "string")}}


def _path_parameters(exposed: Exposed) -> list[dict[str, Any]]:
    """The parameters in the path, which what Amazon answers by itself has to declare too."""
    names = re.findall(r"\{([^}]*)\}", exposed.operation.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _body(operation_id: str, declared: Mapping[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    """The model that Amazon checks a JSON body by; nothing for other bodies.

    A model is JSON Schema, by which a form would always be wrong. A content type that has no model is not checked
    but passed on ("Request validation for REST APIs in API Gateway"), and the service checks it.
    """
    content = {}
    for media_type, described in declared.get("content", {}).items():
        if media_type.endswith("json"):
            name = model_name(operation_id)
            models[name] = plain(described["schema"])
            content[media_type] = {"schema": {"$ref": f"#/components/schemas/{name}"}}
    return {"required": declared.get("required", False), "content": content} if content else {}


def _integration(exposed: Exposed, declared: Mapping[str, Any], gateway: Gateway) -> dict[str, Any]:
    """To the service's load balancer, by the VPC link of the second kind that ends in the service's own VPC.

    The service hears of the client only what the gateway knows. The load balancer answers nobody who does not show
    the gateway's proof.
    """
    known = exposed.operation
    mapped = {
        "integration.request.header.X-Forwarded-For": "context.identity.sourceIp",
        "integration.request.header.X-Request-Id": "context.requestId",
        f"integration.request.header.{PROOF_HEADER}": "stageVariables.gatewayProof",
    }
    for found in declared.get("parameters", ()):
        place = {"path": "path", "query": "querystring", "header": "header"}[found["in"]]
        mapped[f"integration.request.{place}.{found['name']}"] = f"method.request.{place}.{found['name']}"
    if exposed.needs_token:
        mapped["integration.request.header.Authorization"] = JWT_FROM_AUTHORIZER
    elif known.service != gateway.authorizer.service:
        mapped["integration.request.header.Authorization"] = "''"
    seconds = min(gateway.timeouts.service_answer_seconds, LONGEST_INTEGRATION_SECONDS)
    return {
        "type": "http_proxy",
        "httpMethod": known.method,
        "uri": f"https://${{stageVariables.{known.service}Host}}{known.path}",
        "connectionType": "VPC_LINK",
        "connectionId": f"${{stageVariables.{known.service}Link}}",
        "integrationTarget": f"${{{load_balancer_name(known.service)}}}",
        "requestParameters": dict(sorted(mapped.items())),
        "passthroughBehavior": "when_no_match",
        "timeoutInMillis": int(seconds * 1000),
    }


def _authorizer() -> dict[str, Any]:
    """Asks auth on every request: nothing is kept, so that a token that ended is refused at once."""
    return {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {
            "type": "request",
            "identitySource": "method.request.header.Authorization",
            "authorizerUri": AUTHORIZER_URI,
            "authorizerCredentials": "${AuthorizerRoleArn}",
            "authorizerResultTtlInSeconds": 0,
        },
    }


def _preflight(operations: Sequence[Exposed], gateway: Gateway) -> dict[str, Any]:
    """The answer to a browser's question; the origin is named only when it is one of the allowed ones.

    Amazon tells the names of headers apart by case, and browsers write them small in HTTP/2 only.
    """
    methods = ",".join(exposed.operation.method for exposed in operations)
    allowed = " || ".join(f"$origin == '{origin}'" for origin in gateway.cors.allowed_origins)
    template = (
        "#set($origin = $input.params('Origin'))"
        "#if($origin == '')#set($origin = $input.params('origin'))#end"
        f"#if({allowed})#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)#end"
    )
    headers = {
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": ",".join(CORS_REQUEST_HEADERS),
        "Access-Control-Expose-Headers": ",".join(CORS_ANSWER_HEADERS),
        "Access-Control-Max-Age": str(gateway.cors.max_age_seconds),
        "Vary": "Origin",
    }
    return _mock(204, headers, template)


def _method_not_allowed(operations: Sequence[Exposed]) -> dict[str, Any]:
    allow = ", ".join(exposed.operation.method for exposed in operations)
    [reply] = [reply for reply in REPLIES if reply.status == 405]
    headers = {"Allow": allow, "Content-Type": "application/problem+json"}
    return _mock(405, headers, problem_body(405, reply))


def _mock(status: int, headers: Mapping[str, str], template: str) -> dict[str, Any]:
    """An operation that Amazon answers by itself."""
    return {
        "security": [],
        "responses": {
            str(status): {
                "description": "Answered by the gateway.",
                "headers": {name: {"schema": {"type": "string"}} for name in headers},
            }
        },
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestTemplates": {"application/json": f'{{"statusCode": {status}}}'},
            "passthroughBehavior": "when_no_templates",
            "responses": {
                "default": {
                    "statusCode": str(status),
                    "responseParameters": {
                        f"method.response.header.{name}": f"'{value}'" for name, value in headers.items()
                    },
                    "responseTemplates": {"application/json": template},
                }
            },
        },
    }


def _policy(source_ranges: Sequence[str], *, private: bool) -> dict[str, Any]:
    """Who may call at all: everybody from these ranges, to a private gateway by its door alone."""
    invoke = {"Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    statements: list[dict[str, Any]] = [{"Effect": "Allow", **invoke}]
    if "0.0.0.0/0" not in source_ranges:
        address = "aws:VpcSourceIp" if private else "aws:SourceIp"
        statements.append(
            {"Effect": "Deny", **invoke, "Condition": {"NotIpAddress": {address: list(source_ranges)}}}
        )
    if private:
        elsewhere = {"StringNotEquals": {"aws:SourceVpce": f"${{{DOOR}}}"}}
        statements.append({"Effect": "Deny", **invoke, "Condition": elsewhere})
    return {"Version": "2012-10-17", "Statement": statements}
