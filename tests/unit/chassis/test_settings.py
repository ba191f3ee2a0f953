"""Settings are validated at start and never show a secret; system settings are always available."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis
from environs import Env

from libs.chassis import settings, system_settings
from libs.chassis.cache import settings_client
from libs.chassis.settings import ServiceSettings, SettingsError


class OwnSettings(ServiceSettings):
    service = "own"

    @classmethod
    def read_own(cls, env: Env) -> dict[str, Any]:
        env.int("OWN_LIMIT")
        return {}


def test_all_invalid_variables_are_in_one_message(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("RECLOTHES_ENVIRONMENT", "moon")
    environment.delenv("RECLOTHES_DATABASE_URL")
    environment.delenv("RECLOTHES_JWKS_URL")
    environment.setenv("OWN_LIMIT", "many")
    with pytest.raises(SettingsError) as caught:
        OwnSettings.from_environment()
    message = str(caught.value)
    assert "own" in message.splitlines()[0]
    for name in ("RECLOTHES_ENVIRONMENT", "RECLOTHES_DATABASE_URL", "RECLOTHES_JWKS_URL", "OWN_LIMIT"):
        assert name in message
    assert "RECLOTHES_REDIS_URL" not in message


def test_secrets_are_not_in_the_repr(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("RECLOTHES_DATABASE_URL", "mysql+pymysql://u:hush-database@db/x")
    environment.setenv("RECLOTHES_REDIS_URL", "rediss://:hush-redis@cache/0")
    environment.setenv("RECLOTHES_MONGO_URL", "mongodb://u:hush-mongo@docs/x")
    environment.setenv("RECLOTHES_CLIENT_SECRET", "hush-client")
    shown = repr(ServiceSettings.from_environment())
    assert "hush" not in shown
    assert "https://auth.test" in shown


def test_only_configured_peers_have_a_url(environment: pytest.MonkeyPatch) -> None:
    for name in settings.PEERS:
        environment.delenv(f"RECLOTHES_PEER_{name.upper()}_URL", raising=False)
    environment.setenv("RECLOTHES_PEER_BILLING_URL", "https://billing.test")
    assert ServiceSettings.from_environment().peer_urls == {"billing": "https://billing.test"}


def test_overridden_lasts_for_its_block(chosen: ServiceSettings) -> None:
    with settings.overridden(environment="production") as inside:
        assert inside.is_production
        assert settings.settings().is_production
    assert settings.settings() is chosen


def test_settings_as_another_class_raise(chosen: ServiceSettings) -> None:
    assert settings.settings_as(ServiceSettings) is chosen
    with pytest.raises(RuntimeError, match="OwnSettings"):
        settings.settings_as(OwnSettings)


class FakeRedis:
    """Returns `stored` for HGETALL, or is unavailable."""

    def __init__(self) -> None:
        self.stored: dict[str, str] = {}
        self.is_down = False

    def hgetall(self, _key: str) -> dict[str, str]:
        if self.is_down:
            raise redis.ConnectionError("away")
        return self.stored


@pytest.fixture
def cache(chosen: ServiceSettings, monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    fake = FakeRedis()
    monkeypatch.setattr(system_settings, "settings_client", lambda: fake)
    return fake


def test_system_settings_can_have_their_own_cache(environment: pytest.MonkeyPatch) -> None:
    def port_of_settings() -> int:
        settings.use_settings(OwnSettings.from_environment())
        found: int = settings_client().connection_pool.connection_kwargs["port"]
        return found

    environment.setenv("OWN_LIMIT", "1")
    environment.setenv("RECLOTHES_REDIS_URL", "redis://127.0.0.1:7001/0")
    assert port_of_settings() == 7001
    environment.setenv("RECLOTHES_SETTINGS_REDIS_URL", "redis://127.0.0.1:7002/0")
    assert port_of_settings() == 7002


def test_a_system_setting_without_a_cache_has_its_default(cache: FakeRedis) -> None:
    cache.is_down = True
    assert system_settings.setting("shopping.hold_minutes") == 15
    assert system_settings.setting("auth.registration_open") is True


def test_the_last_known_value_is_kept_without_a_cache(cache: FakeRedis) -> None:
    cache.stored = {"shopping.hold_minutes": "30"}
    assert system_settings.setting("shopping.hold_minutes") == 30
    cache.is_down = True
    system_settings.invalidate()
    assert system_settings.setting("shopping.hold_minutes") == 30


@pytest.mark.parametrize("value", ["many", -1, True, None, 1.5])
def test_an_invalid_stored_value_is_replaced_by_the_default(cache: FakeRedis, value: object) -> None:
    cache.stored = {"shopping.hold_minutes": json.dumps(value)}
    assert system_settings.setting("shopping.hold_minutes") == 15


def test_an_unknown_system_setting_raises(cache: FakeRedis) -> None:
    with pytest.raises(KeyError):
        system_settings.setting("shopping.no_such_thing")


def test_one_corrupt_value_does_not_affect_the_others(cache: FakeRedis) -> None:
    cache.stored = {"shopping.cart_max_items": "{", "shopping.hold_minutes": "30"}
    assert system_settings.setting("shopping.hold_minutes") == 30
    assert system_settings.setting("shopping.cart_max_items") == 50


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("shopping.hold_minutes", [1, 1440], [0, 1441, -1, 10**30, True, 15.0, "15", None, [15]]),
        ("billing.currency", ["EUR", "USD"], ["", "eur", "EURO", "EUR\n", "QQQ", "XXX", "DEM", 978]),
        ("auth.registration_open", [True, False], [1, 0, "true", None]),
    ],
)
def test_a_setting_describes_its_valid_values(name: str, accepted: list[object], refused: list[object]) -> None:
    known = system_settings.CATALOGUE[name]
    assert [value for value in accepted if not known.accepts(value)] == []
    assert [value for value in refused if known.accepts(value)] == []
    assert known.expected


def test_every_default_is_valid() -> None:
    assert [known.name for known in system_settings.CATALOGUE.values() if not known.accepts(known.default)] == []
