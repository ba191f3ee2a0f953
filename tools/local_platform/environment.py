"""The environment variables of each process, which Kubernetes sets in production."""

from __future__ import annotations

import os

from tools.local_platform.credentials import Credentials
from tools.local_platform.layout import HOST, Layout
from tools.project import SERVICES

PHOTO_BUCKET = "reclothes-photos"
CHECK_PHOTO_BUCKET = "reclothes-check-photos"
DONATION_PHOTO_BUCKET = "reclothes-donation-photos"
REGION = "eu-central-1"
ACCOUNT = "000000000000"  # the account of the emulator
PUSH_APPLICATION = "reclothes"
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONHASHSEED")


def basic() -> dict[str, str]:
    """Return the variables of every process: the necessary ones of the caller's environment, and constants."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    quiet = {"PYTHONWARNINGS": "ignore:Using `httpx` with"}  # Connexion uses a deprecated part of Starlette
    return inherited | quiet | {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "", "MALLOC_ARENA_MAX": "2"}


def aws_credentials() -> dict[str, str]:
    """Return credentials for the emulator, which accepts any, and disable the metadata service of EC2."""
    return {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def service_settings(layout: Layout, credentials: Credentials, name: str) -> dict[str, str]:
    """Return the settings of one service, for its web process, its worker and its migrations."""
    common = {
        "RECLOTHES_ENVIRONMENT": layout.environment,
        "RECLOTHES_DATABASE_URL": layout.database_url(name),
        "RECLOTHES_REDIS_URL": layout.redis(),
        "RECLOTHES_AWS_ENDPOINT_URL": layout.aws_url,
        "RECLOTHES_AWS_REGION": REGION,
        "RECLOTHES_JWT_ISSUER": layout.gateway_url("external"),
        "RECLOTHES_JWKS_URL": layout.service_url("auth") + "/auth/v1/jwks",
        "RECLOTHES_CLIENT_ID": name,
        "RECLOTHES_CLIENT_SECRET": credentials.client_secrets[name],
        "RECLOTHES_CA_FILE": str(layout.ca_file),
        "RECLOTHES_BIND": f"{HOST}:{layout.port(name)}",
        "RECLOTHES_TLS_CERT": str(layout.secrets_dir / "server.pem"),
        "RECLOTHES_TLS_KEY": str(layout.secrets_dir / "server-key.pem"),
        "RECLOTHES_HEARTBEAT_FILE": str(layout.heartbeat(name)),
        "WEB_CONCURRENCY": str(layout.web_workers),
    }
    peers = {f"RECLOTHES_PEER_{peer.upper()}_URL": layout.service_url(peer) for peer in SERVICES}
    specific = _SPECIFIC_SETTINGS[name](layout, credentials) if name in _SPECIFIC_SETTINGS else {}
    return basic() | aws_credentials() | common | peers | specific


def _auth(layout: Layout, _credentials: Credentials) -> dict[str, str]:
    return {
        "AUTH_SIGNING_KEYS_DIR": str(layout.secrets_dir / "signing-keys"),
        "AUTH_SERVICE_CLIENTS_FILE": str(layout.secrets_dir / "service-clients.json"),
        "AUTH_EXTERNAL_BASE_URL": layout.gateway_url("external"),
        "AUTH_INTERNAL_BASE_URL": layout.gateway_url("internal"),
        "AUTH_PUSH_FCM_ARN": f"arn:aws:sns:{REGION}:{ACCOUNT}:app/GCM/{PUSH_APPLICATION}",
        "AUTH_SMTP_URL": f"smtp://{HOST}:{layout.port('smtp')}",
    }


def _admin(_layout: Layout, _credentials: Credentials) -> dict[str, str]:
    return {"ADMIN_PHOTO_BUCKET": CHECK_PHOTO_BUCKET}


def _customer(_layout: Layout, _credentials: Credentials) -> dict[str, str]:
    return {"CUSTOMER_PHOTO_BUCKET": DONATION_PHOTO_BUCKET}


def _shopping(layout: Layout, _credentials: Credentials) -> dict[str, str]:
    return {
        "RECLOTHES_MONGO_URL": f"mongodb://{HOST}:{layout.port('secantus')}/shopping",
        "SHOPPING_PHOTO_BUCKET": PHOTO_BUCKET,
        "SHOPPING_PHOTO_BASE_URL": f"{layout.aws_url}/{PHOTO_BUCKET}",
    }


def _billing(layout: Layout, credentials: Credentials) -> dict[str, str]:
    return {
        "BILLING_STRIPE_API_KEY": credentials.stripe_api_key,
        "BILLING_STRIPE_PUBLISHABLE_KEY": credentials.stripe_publishable_key,
        "BILLING_STRIPE_API_BASE": layout.stripe_url,
        "BILLING_STRIPE_PUBLIC_API_BASE": layout.stripe_url,
        "BILLING_STRIPE_WEBHOOK_SECRET": credentials.stripe_webhook_secret,
    }


def _locker(layout: Layout, credentials: Credentials) -> dict[str, str]:
    [key] = sorted((layout.secrets_dir / "grant-keys").glob("*.pem"))
    return {"LOCKER_CODE_SECRET": credentials.locker_code_secret, "LOCKER_GRANT_KEY_FILE": str(key)}


_SPECIFIC_SETTINGS = {
    "admin": _admin,
    "auth": _auth,
    "customer": _customer,
    "shopping": _shopping,
    "billing": _billing,
    "locker": _locker,
}
