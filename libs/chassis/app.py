"""Builds the application of a service: its contract on Connexion, Flask inside, the chassis around."""

from __future__ import annotations

import connexion
import flask

from libs.chassis import clock_drift, connexion_adapter, db, error_responses, logs
from libs.chassis.asgi import AsgiApp, Chassis
from libs.chassis.contract_resolver import ContractResolver
from libs.chassis.health import Check
from libs.chassis.service import Service, load_process, use_service
from libs.chassis.settings import settings


def application(name: str) -> AsgiApp:
    """The application of the service `name` for gunicorn, whose workers start the service."""
    return create_app(load_process(name))


def create_app(service: Service) -> AsgiApp:
    """The ASGI application of `service`. Raises ResolverError when contract and handlers do not match."""
    use_service(service)
    resolver = ContractResolver()
    app = connexion.FlaskApp(
        service.name,
        specification_dir=str(settings().contracts_dir),
        swagger_ui_options=connexion.options.SwaggerUIOptions(swagger_ui=False, serve_spec=False),
    )
    app.app.json.sort_keys = False
    connexion_adapter.replace_wsgi_bridge(app)
    connexion_adapter.read_yaml_with_libyaml()
    app.add_api(
        f"{service.name}.yaml",
        resolver=resolver,
        strict_validation=True,
        validate_responses=not settings().is_production,
        validator_map=connexion_adapter.validator_map(),
    )
    for kind in error_responses.ERROR_TYPES:
        app.add_error_handler(kind, error_responses.connexion_handler(resolver.find_methods))
    app.app.after_request(_note_operation)
    connexion_adapter.build_routes(app)
    resolver.require_operations(service.name)
    mounts = {prefix: build() for prefix, build in service.asgi_mounts.items()}
    checks = [
        Check("database", db.ping, is_needed=not service.works_without_database),
        Check("clock", clock_drift.check, is_needed=False),
    ]
    return Chassis(app, mounts, resolver.find_methods, checks)


def _note_operation(response: flask.Response) -> flask.Response:
    """Pass the operation and the principal to the access log and the metrics, in the state of the ASGI scope."""
    operation = flask.g.get("operation")
    if operation is not None:
        state = flask.request.environ["asgi.scope"]["state"]
        state["operation"], state["principal"] = operation.name, logs.bound("principal")
    return response
