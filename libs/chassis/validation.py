"""Requests are held against the contract with compiled validators; every fault is reported at once.

Connexion builds its validators anew for each request. These are compiled once for each schema (jsonschema-rs),
check formats too, and say of each fault where it is: a JSON pointer into the body, or `query/limit`.
"""

from __future__ import annotations

import copy
import itertools
import json
import math
import re
import uuid
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs
from connexion.lifecycle import ConnexionRequest
from connexion.validators.form_data import FormDataValidator
from connexion.validators.json import JSONRequestBodyValidator, JSONResponseBodyValidator
from connexion.validators.parameter import ParameterValidator

from libs.chassis import clock, email_addresses, text_normalization
from libs.chassis.deadlines import is_time_zone
from libs.chassis.locales import is_locale
from libs.chassis.logs import get_logger
from libs.chassis.money import is_currency
from libs.chassis.problems import MAX_ERRORS, BadRequest, Problem, UnsupportedMediaType

VIOLATION = "response violates the contract"  # the alarm `contract-violations` looks for it
FORM = "application/x-www-form-urlencoded"
_compiled: dict[int, tuple[Any, Any]] = {}


def compiled(schema: dict[str, Any]) -> Any:
    """The compiled validator of an OpenAPI 3.0 schema; the schema object is kept, so its id stays its own."""
    found = _compiled.get(id(schema))
    if found is None:
        # Connexion adds all components to each schema, although every reference is resolved.
        resolved = {name: value for name, value in schema.items() if name != "components"}
        validator = jsonschema_rs.Draft4Validator(to_json_schema(resolved), validate_formats=True, formats=FORMATS)
        found = _compiled[id(schema)] = (schema, validator)
    return found[1]


# What a column or a document holds: an integer without limits of its own has those of its format.
_INTEGERS = {f"int{bits}": {"minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1} for bits in (32, 64)}


def to_json_schema(schema: Any) -> Any:
    """An OpenAPI 3.0 schema as JSON Schema draft 4: `nullable` becomes a type (and value) of its own."""
    if isinstance(schema, list):
        return [to_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: to_json_schema(value) for key, value in schema.items() if key not in ("example", "xml")}
    if schema.get("type") == "integer":
        made = _INTEGERS[schema.get("format", "int64")] | made
    if schema.get("nullable") is True:
        if isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
        if isinstance(made.get("enum"), list) and None not in made["enum"]:
            made["enum"] = [*made["enum"], None]
    made.pop("nullable", None)
    return made


def _is_uuid(value: str) -> bool:
    try:
        return str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


FORMATS = {
    "uuid": _is_uuid,
    "date-time": clock.is_rfc3339,
    "email": email_addresses.is_valid,
    "iso-4217": is_currency,
    "time-zone": is_time_zone,
    "locale": is_locale,
}


def faults(validator: Any, value: Any, prefix: str = "") -> list[dict[str, str]]:
    """What is wrong with `value`: `[{"pointer", "detail"}]`, in the order of the document, 20 at most."""
    found = []
    for error in validator.iter_errors(value):
        path = [str(part).replace("~", "~0").replace("/", "~1") for part in error.instance_path]
        missing = getattr(error.kind, "property", None)
        if isinstance(missing, str):
            path.append(missing.strip('"'))
        pointer = prefix + "".join(f"/{part}" for part in path)
        found.append({"pointer": pointer or "/", "detail": shortened(_message(error))})
        if len(found) == MAX_ERRORS:
            break
    return found


_FORMATS_IN_WORDS = {
    "email": "an email address such as ana@example.org, without a name",
    "date-time": "a time such as 2026-11-30T20:45:00Z (RFC 3339, no leap second, years 1000 to 9998)",
    "locale": "a locale such as pt-PT",
    "iso-4217": "a currency code of ISO 4217 such as EUR",
    "time-zone": "a time zone such as Europe/Lisbon",
}


def _message(error: Any) -> str:
    """What is wrong; of a value that is not one of a list, the whole list, which the library cuts off."""
    options = getattr(error.kind, "options", None)
    if (wanted := _FORMATS_IN_WORDS.get(getattr(error.kind, "format", ""))) is not None:
        return f"{json.dumps(error.instance, ensure_ascii=False)[:60]} is not {wanted}"
    if not isinstance(options, list):
        return str(error.message)
    value, *known = (json.dumps(one, ensure_ascii=False) for one in (error.instance, *options))
    return f"{value[:60]} is not one of {', '.join(known)}"


def shortened(message: str) -> str:
    """The beginning of a message, which may repeat all that a client sent."""
    return message if len(message) <= 300 else message[:297] + "..."


class BodyValidator(JSONRequestBodyValidator):
    """The body of a request against its schema."""

    async def _parse(self, stream: Any, scope: Any) -> Any:
        content = b"".join([message async for message in stream])
        if not content:
            return None
        if not any(name.lower() == b"content-type" for name, _ in scope["headers"]):
            raise UnsupportedMediaType("say with the header Content-Type what the body is")
        try:
            return _loads(content.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            detail = "nested too deep" if isinstance(error, RecursionError) else str(error)
            raise BadRequest(
                f"the body is not JSON: {detail}", errors=[{"pointer": "/", "detail": shortened(detail)}]
            ) from None

    def _validate(self, body: Any) -> None:
        if body is None and not self._nullable:
            if self._required:
                raise BadRequest("this operation needs a body", errors=[{"pointer": "/", "detail": "missing"}])
            return
        refuse_faults(self._schema, body)


class FormValidator(FormDataValidator):
    """A form against its schema."""

    def _validate(self, body: Any) -> None:
        if self._strict_validation:
            self._validate_params_strictly(body)
        found = list(text_normalization.find_unstorable(body))
        if found:
            raise BadRequest(_summary(found), errors=found)
        refuse_faults(self._schema, body)


def refuse_faults(schema: dict[str, Any], body: Any) -> None:
    """BadRequest when the normal form of a body, which its handler gets, does not match its schema."""
    found = faults(compiled(schema), text_normalization.normalise_value(schema, body))
    if found:
        raise BadRequest(_summary(found), errors=found)


def _loads(text: str) -> Any:
    """JSON as RFC 8259 has it, without characters that no store keeps; Python's reader takes NaN and Infinity too.

    Such characters can only be escaped: they are neither UTF-8 nor allowed unescaped.
    """
    value = json.loads(
        text, object_pairs_hook=_no_duplicates, parse_constant=_not_a_number, parse_float=_finite_number
    )
    if "\\u" in text and (found := list(itertools.islice(text_normalization.find_unstorable(value), MAX_ERRORS))):
        raise BadRequest(_summary(found), errors=found)
    return value


def _not_a_number(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _finite_number(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _not_a_number(text[:40])


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} occurs twice in one object")
    return made


def _summary(found: list[dict[str, str]]) -> str:
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{first['pointer']}: {first['detail']}{more}"


# As JSON (RFC 8259) spells them; int() and float() take `1_0`, `+1`, ` 1`, `nan` and digits of other scripts too.
_SPELLINGS = {
    "integer": re.compile(r"-?(0|[1-9][0-9]{0,18})"),
    "number": re.compile(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,30})?"),
    "boolean": re.compile(r"true|false"),
}
_KINDS = {
    "integer": "a whole number such as 20",
    "number": "a decimal number such as 38.7",
    "boolean": "true or false",
}


class ParametersValidator(ParameterValidator):
    """Path, query and header parameters against their schemas; an unknown query parameter is refused."""

    def validate_request(self, request: ConnexionRequest) -> None:
        extra = self.validate_query_parameter_list(request, security_params=self.security_query_params)
        found = [{"pointer": f"query/{name}", "detail": "not a parameter of this operation"} for name in extra]
        sent = parse_qsl(request.scope["query_string"].decode("latin1"), keep_blank_values=True)
        found += _repeated("query", (name for name, _ in sent)) + self._misspelt(dict(sent))
        declared = {parameter["name"].lower() for parameter in self.parameters.get("header", [])}
        headers = (name.decode("latin1").lower() for name, _ in request.scope["headers"])
        found += _repeated("header", (name for name in headers if name in declared))
        for place, values in (
            ("query", request.query_params),
            ("path", request.path_params),
            ("header", request.headers),
        ):
            for parameter in self.parameters.get(place, []):
                found += self._faults_of(place, parameter, values.get(parameter["name"]))
        if found:
            raise BadRequest(_summary(found), errors=found)

    def _misspelt(self, sent: dict[str, str]) -> list[dict[str, str]]:
        """Values that Connexion would read as a number or boolean although they are not spelt like one."""
        wrong = []
        for parameter in self.parameters.get("query", []):
            name, schema = parameter["name"], parameter["schema"]
            is_list = schema.get("type") == "array"
            kind = schema["items"].get("type") if is_list else schema.get("type")
            texts = sent[name].split(",") if is_list and name in sent else [sent.get(name, "")]
            if name in sent and kind in _SPELLINGS and not all(map(_SPELLINGS[kind].fullmatch, texts)):
                wrong.append({"pointer": f"query/{name}", "detail": f"not {_KINDS[kind]}"})
        return wrong

    @staticmethod
    def _faults_of(place: str, parameter: dict[str, Any], value: Any) -> list[dict[str, str]]:
        pointer = f"{place}/{parameter['name']}"
        if value is None:
            return [{"pointer": pointer, "detail": "missing"}] if parameter.get("required") else []
        if isinstance(value, str) and (fault := text_normalization.describe_unstorable(value)):
            return [{"pointer": pointer, "detail": fault}]
        schema = parameter["schema"]
        return faults(
            compiled(schema),
            text_normalization.normalise_value(schema, value) if place == "query" else value,
            pointer,
        )


def _repeated(place: str, sent: Iterable[str]) -> list[dict[str, str]]:
    """A parameter that comes twice is refused: a firewall before us may read the one, and we the other."""
    counts = Counter(sent).items()
    return [{"pointer": f"{place}/{name}", "detail": "sent more than once"} for name, count in counts if count > 1]


class ResponseValidator(JSONResponseBodyValidator):
    """Our own answers against the contract, outside production: a fault is our bug, logged, and a bare 500."""

    def _validate(self, body: Any) -> None:
        found = faults(compiled(self._schema), body)
        if found:
            get_logger(__name__).error(VIOLATION, faults=found)
            raise ResponseViolatesContract


class ResponseViolatesContract(Problem):
    """An answer of ours does not match the contract; what and where stands in the log only."""


def validator_map() -> dict[str, Any]:
    """The validators for Connexion's `validator_map`."""
    from connexion.datastructures import MediaTypeDict
    from connexion.validators import VALIDATOR_MAP

    chosen: dict[str, Any] = copy.copy(VALIDATOR_MAP)
    chosen["parameter"] = ParametersValidator
    chosen["body"] = MediaTypeDict({**VALIDATOR_MAP["body"], "*/*json": BodyValidator, FORM: FormValidator})
    chosen["response"] = MediaTypeDict({"*/*json": ResponseValidator})
    return chosen
