"""The handlers of a service, found by its contract: `operationId` in the module `x-openapi-router-controller`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from typing import Any

from connexion.exceptions import ResolverError
from connexion.operations import AbstractOperation
from connexion.resolver import Resolution, Resolver

from libs.chassis.operations import Operation, wrap_handler


class ContractResolver(Resolver):
    """Finds and wraps the function of each operation, and knows the methods of each path."""

    def __init__(self) -> None:
        super().__init__()
        self._wrapped: dict[str, Callable[..., Any]] = {}
        self._functions: set[Callable[..., Any]] = set()
        self._methods: dict[str, set[str]] = {}

    def resolve(self, operation: AbstractOperation) -> Resolution:
        self._methods.setdefault(operation.path, set()).add(operation.method.upper())
        path = f"{operation.router_controller}.{operation.operation_id}"
        if path not in self._wrapped:
            self._wrapped[path] = self._wrap(operation, path)
        return Resolution(self._wrapped[path], operation.operation_id)

    def _wrap(self, operation: AbstractOperation, path: str) -> Callable[..., Any]:
        module_name, _, name = path.rpartition(".")
        function = getattr(importlib.import_module(module_name), name, None)
        if function is None:
            raise ResolverError(f"The contract has the operation {name}. Add the function to {module_name}.")
        self._functions.add(function)
        return wrap_handler(function, Operation(name, operation.method, operation))

    def find_methods(self, path: str) -> list[str]:
        """The methods that the contract has for the path of a request."""
        found: set[str] = set()
        for template, methods in self._methods.items():
            segments = ("[^/]+" if "{" in part else re.escape(part) for part in template.split("/"))
            if re.fullmatch("/".join(segments), path):
                found |= methods
        return sorted(found)

    def require_operations(self, service: str) -> None:
        """Raise ResolverError when a public function of an api module has no operation in the contract."""
        package = importlib.import_module(f"services.{service}")
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "api" not in found.name.split("."):
                continue
            module = importlib.import_module(found.name)
            for name, function in inspect.getmembers(module, inspect.isfunction):
                is_own = function.__module__ == module.__name__ and not name.startswith("_")
                if is_own and function not in self._functions:
                    raise ResolverError(f"{module.__name__}.{name} has no operation in the contract.")
