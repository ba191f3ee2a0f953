"""Settings are read from the environment, checked at start, and never show a secret.

`ServiceSettings` has those of all services; a service adds its own fields in `services/<x>/settings.py` by
subclassing it and overriding `read_own`. All errors are reported in one `SettingsError`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from environs import Env, EnvError
from marshmallow.validate import OneOf, Range

from libs.chassis.runtime import per_process

ROOT = Path(__file__).resolve().parents[2]
PEERS = ("auth", "customer", "shopping", "billing", "admin", "locker")
_Settings = TypeVar("_Settings", bound="ServiceSettings")


class SettingsError(Exception):
    """Environment variables are missing or invalid; the message names each one and what is expected."""


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """The settings of every service.

    `settings_redis_url` is the cache of the system settings, if that is not the service's own `redis_url`.
    `response_check_percent` of the responses are checked against the contract in production; elsewhere all are.
    """

    service: ClassVar[str] = ""

    environment: str
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    settings_redis_url: str | None = field(repr=False)
    mongo_url: str | None = field(repr=False)
    aws_endpoint_url: str | None
    aws_region: str
    resource_prefix: str
    jwt_issuer: str
    jwt_audience: str
    jwks_url: str
    peer_urls: dict[str, str]
    client_id: str
    client_secret: str = field(repr=False)
    ca_file: str | None
    log_level: str
    otlp_endpoint: str | None
    contracts_dir: Path
    heartbeat_file: str | None
    response_check_percent: float

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

    @classmethod
    def from_environment(cls) -> Self:
        """Read and check every variable. Raises SettingsError with all that are invalid."""
        env = Env(eager=False)
        values = cls._read_common(env) | cls.read_own(env)
        try:
            env.seal()
        except EnvError as error:
            raise SettingsError(_explain(cls.service, error)) from None
        return cls(**values)

    @classmethod
    def read_own(cls, env: Env) -> dict[str, Any]:
        """The service's own fields by name, overridden by services that have some."""
        return {}

    @staticmethod
    def _read_common(env: Env) -> dict[str, Any]:
        known = OneOf(["local", "test", "production"])
        with env.prefixed("RECLOTHES_"):
            return {
                "environment": env.str("ENVIRONMENT", validate=known),
                "database_url": env.str("DATABASE_URL"),
                "redis_url": env.str("REDIS_URL"),
                "settings_redis_url": env.str("SETTINGS_REDIS_URL", None),
                "mongo_url": env.str("MONGO_URL", None),
                "aws_endpoint_url": env.str("AWS_ENDPOINT_URL", None),
                "aws_region": env.str("AWS_REGION", "eu-central-1"),
                "resource_prefix": env.str("RESOURCE_PREFIX", "reclothes"),
                "jwt_issuer": env.str("JWT_ISSUER"),
                "jwt_audience": env.str("JWT_AUDIENCE", "reclothes"),
                "jwks_url": env.str("JWKS_URL"),
                "peer_urls": {name: url for name in PEERS if (url := env.str(f"PEER_{name.upper()}_URL", None))},
                "client_id": env.str("CLIENT_ID", ""),
                "client_secret": env.str("CLIENT_SECRET", ""),
                "ca_file": env.str("CA_FILE", None),
                "log_level": env.str("LOG_LEVEL", "INFO"),
                "otlp_endpoint": env.str("OTLP_ENDPOINT", None),
                "contracts_dir": Path(env.str("CONTRACTS_DIR", str(ROOT / "openapi")) or ROOT / "openapi"),
                "heartbeat_file": env.str("HEARTBEAT_FILE", None),
                "response_check_percent": env.float("RESPONSE_CHECK_PERCENT", 1.0, validate=Range(0, 100)),
            }


def _explain(service: str, error: EnvError) -> str:
    messages = getattr(error, "error_messages", None) or {"environment": [str(error)]}
    lines = [f"  {name}: {' '.join(map(str, texts))}" for name, texts in sorted(messages.items())]
    return f"The settings of {service or 'the service'} are invalid:\n" + "\n".join(lines)


@per_process
def settings() -> ServiceSettings:
    """The running service's settings. Raises RuntimeError before `use_settings`."""
    raise RuntimeError("The settings are not read yet. Call use_settings() when the process starts.")


def use_settings(chosen: ServiceSettings) -> None:
    """Make `chosen` the settings of this process."""
    settings.use(chosen)


def settings_as(kind: type[_Settings]) -> _Settings:
    """The running service's settings as its own class."""
    running = settings()
    if not isinstance(running, kind):
        raise RuntimeError(f"the running service has {type(running).__name__}, not {kind.__name__}")
    return running


@contextmanager
def overridden(**changes: Any) -> Iterator[ServiceSettings]:
    """Change these fields of `settings()` inside the block (for tests)."""
    before = settings()
    use_settings(dataclasses.replace(before, **changes))
    try:
        yield settings()
    finally:
        use_settings(before)
