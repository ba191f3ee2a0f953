"""A service as the chassis sees it, and the service that this process runs."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import MetaData

from libs.chassis.runtime import per_process
from libs.chassis.settings import ServiceSettings

if TYPE_CHECKING:
    from libs.chassis.events import EventRegistry

NAMES = ("auth", "customer", "shopping", "billing", "admin", "locker")


@dataclass(frozen=True)
class Service:
    """A service: its name, settings, tables, events and options.

    `asgi_mounts`: path prefix to builder of an ASGI application, for requests that need no contract handling.
    `works_without_database`: most operations work without the relational database, so /readyz does not need it.
    `on_start`: called once in each process that serves or works, after the settings are read.
    """

    name: str
    settings_class: type[ServiceSettings]
    metadata: MetaData
    events: EventRegistry
    asgi_mounts: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    on_start: Callable[[], None] | None = None
    works_without_database: bool = False

    def start(self) -> None:
        """Run the service's start-up code, which may connect to stores."""
        if self.on_start is not None:
            self.on_start()


@per_process
def running_service() -> Service:
    """The service that this process runs. Raises RuntimeError before `use_service`."""
    raise RuntimeError("No service runs in this process. Call use_service() when the process starts.")


def use_service(service: Service) -> None:
    """Make `service` the one that this process runs."""
    running_service.use(service)


def load_service(name: str) -> Service:
    """The `service` of `services/<name>/app.py`. Raises ValueError for an unknown name."""
    if name not in NAMES:
        raise ValueError(f"There is no service {name!r}. Choose one of {', '.join(NAMES)}.")
    return cast(Service, importlib.import_module(f"services.{name}.app").service)


def start_process(name: str) -> Service:
    """Load the service with its settings, logs and tracing, and start it."""
    service = load_process(name)
    service.start()
    return service


def load_process(name: str) -> Service:
    """Read the settings, configure logs and tracing, and load the service, without any connection."""
    from libs.chassis import logs, settings, tracing

    settings_module = importlib.import_module(f"services.{name}.settings")
    chosen = next(
        value
        for value in vars(settings_module).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings) and value.service == name
    )
    settings.use_settings(chosen.from_environment())
    logs.configure(name, settings.settings().log_level)
    tracing.configure(name, settings.settings().otlp_endpoint)
    service = load_service(name)
    use_service(service)
    return service
