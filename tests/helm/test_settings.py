"""The settings that a service demands are supplied by its release, in every environment."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path

import pytest

from libs.chassis.service import NAMES
from libs.chassis.settings import ROOT, ServiceSettings, SettingsError
from tests.helm.manifests import Release

# What External Secrets would put in; its text is of no matter, only that a field has one.
FIELD = re.compile(r"\{\{ \.(\w+) \}\}")


def settings_class(service: str) -> type[ServiceSettings]:
    module = importlib.import_module(f"services.{service}.settings")
    [found] = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings) and value.service == service
    ]
    return found


def filled(release: Release, values: dict[str, str]) -> dict[str, str]:
    """The environment with secrets in place: for each field that an ExternalSecret fetches."""
    fetched = {
        entry["secretKey"]
        for document in release.all("ExternalSecret")
        for entry in document["spec"].get("data", ())
    }

    def fill(found: re.Match[str]) -> str:
        assert found[1] in fetched, f"{found[1]} is in a template and fetched by nothing"
        if found[1] == "AUTH_SMTP_URL":
            return "smtps://mail.example"
        return "1234" if found[1].endswith("_port") else "x"

    return {name: FIELD.sub(fill, value) for name, value in values.items()}


def read(release: Release, pod_name: str, monkeypatch: pytest.MonkeyPatch) -> ServiceSettings:
    pod = dict(release.pods())[pod_name]
    for name in list(os.environ):
        if re.match(r"RECLOTHES_|[A-Z]+_PHOTO|AUTH_|BILLING_|LOCKER_", name):
            monkeypatch.delenv(name)
    for name, value in filled(release, release.environment_of(pod)).items():
        monkeypatch.setenv(name, value)
    return settings_class(release.service).from_environment()


def test_every_required_setting_is_set(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    for pod_name, _ in release.pods():
        if pod_name.endswith("-migration"):
            continue
        found = read(release, pod_name, monkeypatch)
        assert found.is_production
        assert "tls=true" in found.database_url
        assert found.redis_url.startswith("rediss://")
        assert found.client_id == release.service
        assert found.client_secret == "x"


def test_missing_setting_is_detected(
    rendered: dict[tuple[str, str], Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = rendered["billing", "prod"]
    secret = release.one("ExternalSecret", "billing")["spec"]["target"]["template"]["data"]
    monkeypatch.delitem(secret, "BILLING_STRIPE_API_KEY")
    with pytest.raises(SettingsError, match="BILLING_STRIPE_API_KEY"):
        read(release, "billing", monkeypatch)


def test_settings_of_gunicorn_are_set(release: Release) -> None:
    text = (ROOT / "libs/chassis/gunicorn_conf.py").read_text()
    demanded = set(re.findall(r'os\.environ\["(\w+)"\]', text))
    web = dict(release.pods())[release.service]
    assert demanded
    assert demanded <= release.environment_of(web).keys()


def test_every_setting_is_used(release: Release) -> None:
    """A name with a slip of the pen would be silently ignored."""
    sources = [*ROOT.glob("libs/chassis/*.py"), ROOT / f"services/{release.service}/settings.py"]
    text = "\n".join(path.read_text() for path in sources)
    # RECLOTHES_ and others are prefixes in the code; a peer's variable is made from its name.
    for name in release.one("ConfigMap", release.service)["data"]:
        short = re.sub(r"^(RECLOTHES|AUTH|BILLING_STRIPE)_", "", name)
        known = short in text or name in text or re.fullmatch(r"PEER_[A-Z]+_URL", short)
        assert known or name.startswith("AWS_"), name


def test_files_in_settings_are_mounted(release: Release) -> None:
    for pod_name, pod in release.pods():
        [container] = pod["spec"]["containers"]
        mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
        for name, value in release.environment_of(pod).items():
            if not value.startswith("/etc/reclothes/"):
                continue
            if "/tls/" in value and pod_name != release.service:
                continue  # only the web process has a port
            folder = str(Path(value).parent if Path(value).suffix else Path(value))
            assert folder in mounts, f"{pod_name}: {name}={value}"


def test_peers_match_the_code(rendered: dict[tuple[str, str], Release]) -> None:
    for service in NAMES:
        called = {"auth"}
        for path in (ROOT / "services" / service).rglob("*.py"):
            called |= set(re.findall(r'\bpeer\("(\w+)"\)', path.read_text()))
        data = rendered[service, "prod"].one("ConfigMap", service)["data"]
        supplied = {match[1].lower() for name in data if (match := re.fullmatch(r"RECLOTHES_PEER_(\w+)_URL", name))}
        assert supplied == called, service


def test_queues_match_the_code(rendered: dict[tuple[str, str], Release]) -> None:
    for service in NAMES:
        registry = importlib.import_module(f"services.{service}.events").registry
        scaled = rendered[service, "prod"].one("ScaledObject", f"{service}-worker")
        urls = [trigger["metadata"].get("queueURL", "") for trigger in scaled["spec"]["triggers"]]
        queues = {url.rpartition(f"-{service}-")[2] for url in urls if url}
        assert queues == {"inbox", *registry.queues}, service
