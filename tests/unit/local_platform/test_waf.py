"""The firewall's configuration and log, and what happens where Debian is not to be had."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tools.gateway.build import read_gateway
from tools.gateway.envoy import bootstrap
from tools.gateway.inputs import EnvoyInputs
from tools.gateway.model import Gateway
from tools.local_platform import credentials, processes, waf, waf_packages
from tools.local_platform.layout import Layout
from tools.local_platform.waf_launcher import filter_log
from tools.local_platform.waf_packages import FirewallUnavailable, WafPrograms

RULE = (
    "2026/11/23 23:51:58 [info] 25681#25681: *2 ModSecurity: Warning. Matched \"Operator `Rx' with parameter `x' "
    "against variable `ARGS:json.user_name' (Value: `{value}' ) "
    '[file "/rules/REQUEST-942.conf"] [line "46"] [id "942100"] [rev ""] [msg "SQL Injection"] '
    '[data "Matched Data: {value} found within ARGS:json.user_name: {value}"] [severity "2"] '
    '[hostname "127.0.0.1"] [uri "/x"] [unique_id "29c01693e5430728155bfa8504bea68c"] [ref ""], '
    'client: 127.0.0.1, request: "POST /x"\n'
)


@pytest.fixture(scope="module")
def external() -> Gateway:
    return read_gateway("external")


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return Layout(tmp_path_factory.mktemp("firewall") / "run", waf=True)


@pytest.fixture(scope="module")
def configuration(layout: Layout) -> Path:
    """The folder with the written configuration; all contracts are read for it, so it is written once."""
    programs = WafPrograms(layout.run_dir / "debian")
    programs.rules.mkdir(parents=True)
    for name in ("REQUEST-901-A", "REQUEST-910-B", "REQUEST-942-C", "RESPONSE-950-D"):
        (programs.rules / f"{name}.conf").touch()
    credentials.ensure(layout)
    waf.write(layout, programs)
    return layout.config_dir / "waf"


def test_firewall_gets_its_own_port_in_front_of_the_external_gateway(layout: Layout) -> None:
    assert {"external", "internal", "waf", "external-gateway"} <= set(dict(layout.used_ports()))
    assert layout.gateway_address("external") == ("127.0.0.1", layout.port("external-gateway"))
    assert isinstance(layout.gateway_address("internal"), Path)
    assert "waf" in [process.name for process in processes.gateways(layout)]


def test_firewall_is_optional(tmp_path: Path) -> None:
    plain = Layout(tmp_path)
    assert not {"waf", "external-gateway"} & set(dict(plain.used_ports()))
    assert isinstance(plain.gateway_address("external"), Path)
    assert "waf" not in [process.name for process in processes.gateways(plain)]


def test_configuration_follows_contracts_and_gateway(
    layout: Layout, configuration: Path, external: Gateway
) -> None:
    nginx, rules = (configuration / "nginx.conf").read_text(), (configuration / "modsecurity.conf").read_text()
    assert not re.search(r"<<|>>", nginx + rules)
    assert f"listen 127.0.0.1:{layout.port('waf')} ssl http2 proxy_protocol;" in nginx
    longest = max(each.body_limit_bytes for each in external.exposed)
    assert f"client_max_body_size {longest};" in nginx
    assert f"SecRequestBodyLimit {longest}\n" in rules
    methods = re.search(r"tx.allowed_methods=([A-Z ]+)'", rules)
    assert methods is not None
    assert set(methods[1].split()) == {each.operation.method for each in external.exposed} | {"OPTIONS"}
    assert "|application/json|" in rules
    included = re.findall(r"Include .*/(\S+)\.conf", rules)
    assert included == ["before-crs", "REQUEST-901-A", "REQUEST-942-C", "exclusions"]


def test_every_error_response_of_the_firewall_is_a_problem_document(configuration: Path) -> None:
    nginx = (configuration / "nginx.conf").read_text()
    documents = dict(re.findall(r"return (\d{3}) '(\{.*\})';", nginx))
    assert {"400", "403", "405", "408", "413", "414", "415", "429", "431", "500", "502", "503", "504"} <= set(
        documents
    )
    for status, text in documents.items():
        document = json.loads(text)
        assert document["status"] == int(status)
        assert document["type"].startswith("https://docs.reclothes.example/problems/")
    assert json.loads(documents["403"])["type"].endswith("/request-blocked")


@pytest.mark.parametrize("hops", [0, 1])
def test_gateway_trusts_forwarded_addresses_only_behind_the_firewall(
    tmp_path: Path, external: Gateway, hops: int
) -> None:
    inputs = EnvoyInputs(
        listen=("127.0.0.1", 1),
        tls_cert=tmp_path,
        tls_key=tmp_path,
        ca_file=tmp_path,
        upstreams=dict.fromkeys(external.services, ("127.0.0.1", 2)),
        jwt_issuer="https://localhost",
        admin=3,
        trusted_hops=hops,
    )
    [listener] = bootstrap(external, inputs)["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    assert manager["xff_num_trusted_hops"] == hops


def test_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        waf.fill_template("listen <<address>>;", {})


def test_log_has_rule_and_field_but_no_value() -> None:
    [line] = filter_log([RULE.replace("{value}", "s3cr3t")])
    assert "s3cr3t" not in line
    assert json.loads(line) == {
        "timestamp": "2026-11-23T23:51:58",
        "service": "waf",
        "event": "rule matched",
        "rule": "942100",
        "message": "SQL Injection",
        "field": "ARGS:json.user_name",
        "waf_id": "29c01693e5430728155bfa8504bea68c",
    }


def test_log_has_errors_without_the_request() -> None:
    error = (
        '2026/11/23 23:51:26 [error] 7#7: *23 it is too large, client: 127.0.0.1, request: "GET /?token=s3cr3t"\n'
    )
    chatter = '2026/11/23 23:51:26 [info] 7#7: *23 client sent invalid header line: "s3cr3t"\n'
    [line] = filter_log([chatter, error])
    assert json.loads(line)["message"] == "it is too large"
    assert "s3cr3t" not in line


def test_missing_apt_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FirewallUnavailable, match="apt-get and dpkg-deb is missing"):
        waf_packages.ensure(tmp_path / "debian")
    assert not (tmp_path / "debian").exists()


def test_error_of_apt_is_reported_and_files_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name in ("apt-get", "dpkg-deb"):
        (bin_dir / name).write_text("#!/bin/sh\necho 'E: no network' >&2\nexit 100\n")
        (bin_dir / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_dir}:/usr/bin:/bin")
    with pytest.raises(FirewallUnavailable, match="E: no network"):
        waf_packages.ensure(tmp_path / "venv" / "debian")
    assert list((tmp_path / "venv").iterdir()) == []
