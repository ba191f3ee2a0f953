"""What a service is to the chassis."""

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
    """A service's name, settings, tables, events, and what it does beside its contract.

    `asgi_mounts`: path prefix → maker of an ASGI application, for what is too hot for the contract's machinery.
    `works_without_database`: most goes on without the relational database, so /readyz does not need it.
    `on_start`: called once in each process of the service that does work, after the settings are read.
    """

    name: str
    settings_class: type[ServiceSettings]
    metadata: MetaData
    events: EventRegistry
    asgi_mounts: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    on_start: Callable[[], None] | None = None
    works_without_database: bool = False

    def start(self) -> None:
        """Do what the service does at the start of a process; it may connect to stores."""
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
    """The `service` of `services/<name>/app.py`; ValueError for an unknown name."""
    if name not in NAMES:
        raise ValueError(f"no service is called {name!r}; there are {', '.join(NAMES)}")
    return cast(Service, importlib.import_module(f"services.{name}.app").service)


def start_process(name: str) -> Service:
    """Load the service with its settings, logs and tracing, and start it: the start of every process."""
    service = load_process(name)
    service.start()
    return service


def load_process(name: str) -> Service:
    """Read the settings, set the logs and the tracing up, and load the service; it connects to nothing."""
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
