"""One gateway as the OpenAPI document that Amazon API Gateway imports as a REST API.

Extensions: docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html. What differs
between environments is a stage variable (addresses of services, their VPC links), which Amazon replaces, or one of
`placeholders`, which must be replaced before the import. (CloudFormation's `Fn::Sub` over the whole document would
also replace the stage variables.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tools.gateway.amazon.models import model_name, to_model_schema
from tools.gateway.amazon.replies import gateway_responses, problem_body
from tools.gateway.envoy.headers import CORS_REQUEST_HEADERS, CORS_RESPONSE_HEADERS
from tools.gateway.envoy.replies import REPLIES
from tools.gateway.model import Exposed, Gateway

AUTHORIZER = "accessToken"
VALIDATOR = "all"
MAX_INTEGRATION_SECONDS = 29  # Amazon's default quota
JWT_FROM_AUTHORIZER = "context.authorizer.authorization"
AUTHORIZER_URI = (
    "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${AuthorizerArn}/invocations"
)
PROOF_HEADER = "X-Gateway-Proof"
VPC_ENDPOINT = "EndpointId"  # of a private gateway


def placeholders(gateway: Gateway, *, private: bool = False) -> tuple[str, ...]:
    """Return the names in `${…}` to replace before the import, where Amazon allows no stage variable."""
    services = sorted({exposed.operation.service for exposed in gateway.exposed})
    targets = tuple(load_balancer_name(service) for service in services)
    return (
        "AWS::Partition",
        "AWS::Region",
        "AuthorizerArn",
        "AuthorizerRoleArn",
        *targets,
        *((VPC_ENDPOINT,) if private else ()),
    )


def load_balancer_name(service: str) -> str:
    return f"{service}LoadBalancerArn"


def import_document(
    gateway: Gateway, contracts: Mapping[str, Mapping[str, Any]], *, private: bool = False
) -> dict[str, Any]:
    """Return the document of a gateway; `contracts` are the services' contracts with all references resolved."""
    models: dict[str, Any] = {}
    paths = {path: _path(operations, gateway, contracts, models) for path, operations in gateway.by_path().items()}
    return {
        "openapi": "3.0.1",
        "info": {
            "title": f"ReClothes {gateway.name}",
            "description": f"The {gateway.name} gateway, generated from openapi/ and gateway-config/.",
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
    """Disable Amazon's default endpoint: only the gateway's own host name has our TLS policy.

    In OpenAPI 3.0 this is a setting of the server ("x-amazon-apigateway-endpoint-configuration object").
    """
    endpoint = {"disableExecuteApiEndpoint": True}
    return {"url": f"https://{host_name}", "x-amazon-apigateway-endpoint-configuration": endpoint}


def _path(
    operations: Sequence[Exposed],
    gateway: Gateway,
    contracts: Mapping[str, Mapping[str, Any]],
    models: dict[str, Any],
) -> dict[str, Any]:
    path: dict[str, Any] = {}
    for exposed in operations:
        operation = exposed.operation
        declared = contracts[operation.service]["paths"][operation.path][operation.method.lower()]
        path[operation.method.lower()] = _operation(exposed, declared, gateway, models)
    if gateway.cors.allowed_origins:
        path["options"] = _preflight(operations, gateway)
    path["x-amazon-apigateway-any-method"] = _method_not_allowed(operations)
    for mock in set(path) - {exposed.operation.method.lower() for exposed in operations}:
        path[mock]["parameters"] = _path_parameters(operations[0])
    return path


def _operation(
    exposed: Exposed, declared: Mapping[str, Any], gateway: Gateway, models: dict[str, Any]
) -> dict[str, Any]:
    source = exposed.operation
    operation: dict[str, Any] = {
        "operationId": source.operation_id,
        "summary": declared["summary"],
        "parameters": [_parameter(parameter) for parameter in declared.get("parameters", ())],
        "security": [{AUTHORIZER: []}] if exposed.needs_token else [],
        "responses": {
            status: {"description": response["description"]} for status, response in _responses(declared)
        },
        "x-amazon-apigateway-request-validator": VALIDATOR,
        "x-amazon-apigateway-integration": _integration(exposed, declared, gateway),
    }
    body = _body(source.operation_id, declared.get("requestBody", {}), models)
    return operation | ({"requestBody": body} if body else {})


def _responses(declared: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(str(status), response) for status, response in declared["responses"].items()]


def _parameter(declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the import keeps."""
    return {
        "name": declared["name"],
        "in": declared["in"],
        "required": declared.get("required", False),
        "schema": {"type": declared["schema"].get("type", "string")},
    }


def _path_parameters(exposed: Exposed) -> list[dict[str, Any]]:
    """Return the path parameters, which mock operations must declare too."""
    names = re.findall(r"\{([^}]*)\}", exposed.operation.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _body(operation_id: str, declared: Mapping[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    """Return the model by which Amazon validates a JSON body; nothing for other bodies.

    A model is a JSON Schema, which no form matches. Bodies of a content type without a model are not validated
    ("Request validation for REST APIs in API Gateway") but by the service.
    """
    content = {}
    for media_type, described in declared.get("content", {}).items():
        if media_type.endswith("json"):
            name = model_name(operation_id)
            models[name] = to_model_schema(described["schema"])
            content[media_type] = {"schema": {"$ref": f"#/components/schemas/{name}"}}
    return {"required": declared.get("required", False), "content": content} if content else {}


def _integration(exposed: Exposed, declared: Mapping[str, Any], gateway: Gateway) -> dict[str, Any]:
    """Return the integration with the service's load balancer, through a VPC link (V2) into the service's VPC.

    Headers about the client are replaced by the gateway. The load balancer accepts only requests with the gateway's
    proof header.
    """
    operation = exposed.operation
    mapped = {
        "integration.request.header.X-Forwarded-For": "context.identity.sourceIp",
        "integration.request.header.X-Request-Id": "context.requestId",
        f"integration.request.header.{PROOF_HEADER}": "stageVariables.gatewayProof",
    }
    for parameter in declared.get("parameters", ()):
        location = {"path": "path", "query": "querystring", "header": "header"}[parameter["in"]]
        name = f"request.{location}.{parameter['name']}"
        mapped[f"integration.{name}"] = f"method.{name}"
    if exposed.needs_token:
        mapped["integration.request.header.Authorization"] = JWT_FROM_AUTHORIZER
    elif operation.service != gateway.authorizer.service:
        mapped["integration.request.header.Authorization"] = "''"
    seconds = min(gateway.timeouts.service_response_seconds, MAX_INTEGRATION_SECONDS)
    return {
        "type": "http_proxy",
        "httpMethod": operation.method,
        "uri": f"https://${{stageVariables.{operation.service}Host}}{operation.path}",
        "connectionType": "VPC_LINK",
        "connectionId": f"${{stageVariables.{operation.service}Link}}",
        "integrationTarget": f"${{{load_balancer_name(operation.service)}}}",
        "requestParameters": dict(sorted(mapped.items())),
        "passthroughBehavior": "when_no_match",
        "timeoutInMillis": int(seconds * 1000),
    }


def _authorizer() -> dict[str, Any]:
    """Call the authorizer for every request, without a cache, so that an ended token is rejected immediately."""
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
    """Return the mock for CORS preflights, which returns the origin only if it is allowed.

    Amazon compares header names with case, and browsers send lower case in HTTP/2 only.
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
        "Access-Control-Expose-Headers": ",".join(CORS_RESPONSE_HEADERS),
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
    """Return an operation to which Amazon responds itself."""
    return {
        "security": [],
        "responses": {
            str(status): {
                "description": "The response of the gateway.",
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
    """Return the resource policy: calls from the source ranges, to a private gateway only by its VPC endpoint."""
    invoke = {"Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    statements: list[dict[str, Any]] = [{"Effect": "Allow", **invoke}]
    if "0.0.0.0/0" not in source_ranges:
        address = "aws:VpcSourceIp" if private else "aws:SourceIp"
        statements.append(
            {"Effect": "Deny", **invoke, "Condition": {"NotIpAddress": {address: list(source_ranges)}}}
        )
    if private:
        other_endpoint = {"StringNotEquals": {"aws:SourceVpce": f"${{{VPC_ENDPOINT}}}"}}
        statements.append({"Effect": "Deny", **invoke, "Condition": other_endpoint})
    return {"Version": "2012-10-17", "Statement": statements}
