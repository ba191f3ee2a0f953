"""Connexion: everything that ReClothes overrides of it, or uses beside its public interface (decision 0002).

- `replace_wsgi_bridge`: FlaskApp has no option for its WSGI bridge (spec-first/connexion issues 1979 and 2077).
- `build_routes`: the contract is read at the first ASGI message; there is no public way to do it before.
- `read_yaml_with_libyaml`: the loader cannot be chosen, and PyYAML's takes half of the start of a service.
- The validators: Connexion compiles its own for each request and reports one error (issue 2045). Their hooks
  (`_parse`, `_validate`, `_validate_params_strictly`) and attributes are private, `validator_map` is not.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import yaml
from connexion import FlaskApp, json_schema
from connexion.datastructures import MediaTypeDict
from connexion.lifecycle import ConnexionRequest
from connexion.spec import Specification
from connexion.validators import VALIDATOR_MAP
from connexion.validators.form_data import FormDataValidator
from connexion.validators.json import JSONRequestBodyValidator, JSONResponseBodyValidator
from connexion.validators.parameter import ParameterValidator

from libs.chassis import text_normalization
from libs.chassis.log_events import LogEvent
from libs.chassis.logs import get_logger
from libs.chassis.problems import BadRequest, Problem, UnsupportedMediaType
from libs.chassis.validation import (
    compile_schema,
    find_errors,
    parse_json,
    require_no_errors,
    require_valid,
    shorten,
)
from libs.chassis.wsgi_bridge import BufferedBridge

FORM = "application/x-www-form-urlencoded"


def replace_wsgi_bridge(app: FlaskApp) -> None:
    """Call Flask through our bridge."""
    app._middleware_app.asgi_app = BufferedBridge(app.app.wsgi_app)


def build_routes(app: FlaskApp) -> None:
    """Read the contract and find the handlers now, so that a missing handler fails the start."""
    middleware = app.middleware
    middleware.app, middleware.middleware_stack = middleware._build_middleware_stack()


def read_yaml_with_libyaml() -> None:
    """Let Connexion read contracts, and the files that they refer to, by PyYAML's C loader."""
    files = json_schema.FileHandler
    Specification._load_spec_from_file = staticmethod(lambda _arguments, path: _load_yaml(path))
    json_schema.handlers["file"] = json_schema.handlers[""] = lambda uri: _load_yaml(Path(files._uri_to_path(uri)))


def _load_yaml(path: Path) -> Any:
    return yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)


def validator_map() -> dict[str, Any]:
    """The validators for Connexion's `validator_map`."""
    validators: dict[str, Any] = copy.copy(VALIDATOR_MAP)
    validators["parameter"] = ParametersValidator
    validators["body"] = MediaTypeDict({**VALIDATOR_MAP["body"], "*/*json": BodyValidator, FORM: FormValidator})
    validators["response"] = MediaTypeDict({"*/*json": ResponseValidator})
    return validators


class BodyValidator(JSONRequestBodyValidator):
    """Validates the JSON body of a request."""

    async def _parse(self, stream: Any, scope: Any) -> Any:
        content = b"".join([message async for message in stream])
        if not content:
            return None
        if not any(name.lower() == b"content-type" for name, _ in scope["headers"]):
            raise UnsupportedMediaType("Send the header Content-Type with the media type of the body.")
        try:
            return parse_json(content.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            detail = "nested too deep" if isinstance(error, RecursionError) else str(error)
            raise BadRequest(
                f"the body is not JSON: {detail}", errors=[{"pointer": "/", "detail": shorten(detail)}]
            ) from None

    def _validate(self, body: Any) -> None:
        if body is not None or self._nullable:
            require_valid(self._schema, body)
        elif self._required:
            raise BadRequest("this operation needs a body", errors=[{"pointer": "/", "detail": "missing"}])


class FormValidator(FormDataValidator):
    """Validates a form."""

    def _validate(self, body: Any) -> None:
        if self._strict_validation:
            self._validate_params_strictly(body)
        require_no_errors(list(text_normalization.find_unstorable(body)))
        require_valid(self._schema, body)


# As JSON (RFC 8259) spells them; int() and float() accept `1_0`, `+1`, ` 1`, `nan` and digits of other scripts too.
_SPELLINGS = {
    "integer": re.compile(r"-?(0|[1-9][0-9]{0,18})"),
    "number": re.compile(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,30})?"),
    "boolean": re.compile(r"true|false"),
}
_TYPE_DESCRIPTIONS = {
    "integer": "a whole number such as 20",
    "number": "a decimal number such as 38.7",
    "boolean": "true or false",
}


class ParametersValidator(ParameterValidator):
    """Validates path, query and header parameters, and rejects unknown query parameters."""

    def validate_request(self, request: ConnexionRequest) -> None:
        unknown = self.validate_query_parameter_list(request, security_params=self.security_query_params)
        errors = [{"pointer": f"query/{name}", "detail": "not a parameter of this operation"} for name in unknown]
        sent = parse_qsl(request.scope["query_string"].decode("latin1"), keep_blank_values=True)
        errors += _find_repeated("query", (name for name, _ in sent)) + self._find_misspelt(dict(sent))
        declared = {parameter["name"].lower() for parameter in self.parameters.get("header", [])}
        headers = (name.decode("latin1").lower() for name, _ in request.scope["headers"])
        errors += _find_repeated("header", (name for name in headers if name in declared))
        for place, values in (
            ("query", request.query_params),
            ("path", request.path_params),
            ("header", request.headers),
        ):
            for parameter in self.parameters.get(place, []):
                errors += self._find_errors_of(place, parameter, values.get(parameter["name"]))
        require_no_errors(errors)

    def _find_misspelt(self, sent: dict[str, str]) -> list[dict[str, str]]:
        """Values that Connexion would read as a number or boolean although JSON does not spell them so."""
        errors = []
        for parameter in self.parameters.get("query", []):
            name, schema = parameter["name"], parameter["schema"]
            is_list = schema.get("type") == "array"
            kind = schema["items"].get("type") if is_list else schema.get("type")
            texts = sent[name].split(",") if is_list and name in sent else [sent.get(name, "")]
            if name in sent and kind in _SPELLINGS and not all(map(_SPELLINGS[kind].fullmatch, texts)):
                errors.append({"pointer": f"query/{name}", "detail": f"not {_TYPE_DESCRIPTIONS[kind]}"})
        return errors

    @staticmethod
    def _find_errors_of(place: str, parameter: dict[str, Any], value: Any) -> list[dict[str, str]]:
        pointer = f"{place}/{parameter['name']}"
        if value is None:
            return [{"pointer": pointer, "detail": "missing"}] if parameter.get("required") else []
        if isinstance(value, str) and (fault := text_normalization.describe_unstorable(value)):
            return [{"pointer": pointer, "detail": fault}]
        schema = parameter["schema"]
        if place == "query":
            value = text_normalization.normalise_value(schema, value)
        return find_errors(compile_schema(schema), value, pointer)


def _find_repeated(place: str, names: Iterable[str]) -> list[dict[str, str]]:
    """Parameters that occur twice: a firewall in front of the service may read the other one."""
    counts = Counter(names).items()
    return [{"pointer": f"{place}/{name}", "detail": "sent more than once"} for name, count in counts if count > 1]


class ResponseViolatesContract(Problem):
    """A response does not match the contract; the errors are in the log only."""


class ResponseValidator(JSONResponseBodyValidator):
    """Validates our own responses outside production: an error is our bug, logged, and a 500 without details."""

    def _validate(self, body: Any) -> None:
        errors = find_errors(compile_schema(self._schema), body)
        if errors:
            get_logger(__name__).error(LogEvent.CONTRACT_VIOLATED, errors=errors)
            raise ResponseViolatesContract
