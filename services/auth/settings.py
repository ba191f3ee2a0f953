"""The settings of the auth service."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from environs import Env
from marshmallow.validate import Range, Regexp

from libs.chassis.settings import ServiceSettings, settings_as

DAY = 86400

# Plain smtp:// would send a password unencrypted.
_SMTP_URL = Regexp(
    r"smtp://[^@/]+|(smtps|smtp\+starttls)://.+",
    error="use smtps://, smtp+starttls://, or smtp:// without a password",
)


@dataclass(frozen=True, kw_only=True)
class AuthSettings(ServiceSettings):
    """Times are in seconds, `argon2_memory_kib` is in KiB. The clients file maps client ids to {secret, scopes}.

    An access token expires after `access_seconds`, or when it is not used for `access_idle_seconds`. A refresh
    token expires after `customer_refresh_seconds`, a session after `customer_session_seconds` or
    `staff_session_seconds`. The base URLs of the web sites are used in mailed links. `push_application_arns` are
    the applications in SNS by platform (fcm, apns).

    The defaults of Argon2 are at least those of OWASP's password storage cheat sheet; tests use cheaper ones.
    """

    service: ClassVar[str] = "auth"

    signing_keys_dir: Path
    service_clients_file: Path
    external_base_url: str
    internal_base_url: str
    push_application_arns: dict[str, str]
    smtp_url: str = field(repr=False)
    mail_from: str
    argon2_time_cost: int
    argon2_memory_kib: int
    argon2_parallelism: int
    access_idle_seconds: int
    access_seconds: int
    customer_refresh_seconds: int
    customer_session_seconds: int
    staff_session_seconds: int
    jwt_seconds: int

    @classmethod
    def read_own(cls, env: Env) -> dict[str, Any]:
        with env.prefixed("AUTH_"):
            return {
                "signing_keys_dir": Path(env.str("SIGNING_KEYS_DIR") or "."),
                "service_clients_file": Path(env.str("SERVICE_CLIENTS_FILE") or "."),
                "external_base_url": env.str("EXTERNAL_BASE_URL"),
                "internal_base_url": env.str("INTERNAL_BASE_URL"),
                "smtp_url": env.str("SMTP_URL", validate=_SMTP_URL),
                "mail_from": env.str("MAIL_FROM", "ReClothes <no-reply@reclothes.example>"),
                "argon2_time_cost": env.int("ARGON2_TIME_COST", 3, validate=Range(1, 20)),
                "argon2_memory_kib": env.int("ARGON2_MEMORY_KIB", 65536, validate=Range(64, 1_048_576)),
                "argon2_parallelism": env.int("ARGON2_PARALLELISM", 1, validate=Range(1, 8)),
                "access_idle_seconds": env.int("ACCESS_IDLE_SECONDS", 1800, validate=Range(600, 86400)),
                "access_seconds": env.int("ACCESS_SECONDS", 4 * 3600, validate=Range(600, 86400)),
                "customer_refresh_seconds": env.int("CUSTOMER_REFRESH_SECONDS", 14 * DAY, validate=Range(600)),
                "customer_session_seconds": env.int("CUSTOMER_SESSION_SECONDS", 90 * DAY, validate=Range(600)),
                "staff_session_seconds": env.int("STAFF_SESSION_SECONDS", DAY // 2, validate=Range(600)),
                "push_application_arns": {
                    platform: arn
                    for platform in ("fcm", "apns")
                    if (arn := env.str(f"PUSH_{platform.upper()}_ARN", ""))
                },
                "jwt_seconds": env.int("JWT_SECONDS", 300, validate=Range(90, 300)),
            }


def auth_settings() -> AuthSettings:
    return settings_as(AuthSettings)
