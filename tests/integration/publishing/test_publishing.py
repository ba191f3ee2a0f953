"""The documentation and the SDKs as they are published."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from libs.chassis.events import schema_file
from libs.chassis.service import NAMES, load_service
from tools.errors import ToolError
from tools.project import version
from tools.publishing.sdk import build_sdks, check_types
from tools.publishing.site import build_site


class Addresses(HTMLParser):
    """What a page fetches, and where its links lead."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.feed(file.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "src" or (tag == "link" and name == "href"):
                self.fetched.append(value or "")
            elif tag == "a" and name == "href":
                self.links.append(value or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    build_site(folder)
    return folder


def pages(site: Path) -> Iterator[Path]:
    yield from site.rglob("*.html")


def test_pages_have_no_external_resources(site: Path) -> None:
    fetched = [(page, address) for page in pages(site) for address in Addresses(page).fetched]
    assert len(fetched) > 50
    assert [address for _, address in fetched if "//" in address] == []
    assert [address for page, address in fetched if not (page.parent / address).exists()] == []
    script = (site / "external" / "assets" / "redoc.standalone.js").read_text()
    assert "cdn.redoc.ly" not in script


def test_links_between_pages_are_valid(site: Path) -> None:
    for page in pages(site):
        for link in Addresses(page).links:
            place = link.partition("#")[0]
            if place and "://" not in place:
                assert (page.parent / place).exists(), (page, link)


def test_public_site_has_only_external_operations(site: Path) -> None:
    names = {file.name for file in (site / "external").rglob("*.html")}
    assert names == {"index.html", "auth.html", "billing.html", "customer.html", "locker.html", "shopping.html"}
    text = "".join(page.read_text() for page in pages(site / "external"))
    assert "log_in_customer" in text
    assert "log_in_staff" not in text
    assert "internal.reclothes" not in text


def test_every_event_is_published_with_fields_and_subscribers(site: Path) -> None:
    text = (site / "internal" / "events.html").read_text()
    for kind in set().union(*(load_service(name).events.published for name in NAMES)):
        section = re.search(rf'<section id="{re.escape(kind)}">(.*?)</section>', text, re.DOTALL)
        assert section, kind
        for field in json.loads(schema_file(kind).read_text())["properties"]:
            assert f"<code>{field}</code>" in section[1], (kind, field)
        subscribers = [name for name in NAMES if kind in load_service(name).events.handlers]
        assert f"Subscribers: {', '.join(sorted(subscribers)) or 'none'}." in section[1]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    built = build_sdks(tmp_path_factory.mktemp("sdk"))
    return {f"{folder.parent.name}/{folder.name}": folder for folder in built}


def test_sdk_has_a_package_for_each_gateway_and_language(packages: dict[str, Path]) -> None:
    assert packages.keys() == {"python/external", "typescript/external", "python/internal", "typescript/internal"}
    for name, folder in packages.items():
        file = "setup.py" if name.startswith("python") else "package.json"
        assert f'"{version()}"' in (folder / file).read_text()


def test_sdks_have_every_operation_of_their_gateway(packages: dict[str, Path]) -> None:
    contract = json.loads((packages["python/internal"].parents[1] / "internal.json").read_text())
    operations = {one["operationId"] for path in contract["paths"].values() for one in path.values()}
    modules = {file.stem for file in packages["python/internal"].rglob("api/*/*.py")} - {"__init__"}
    assert modules == operations
    typescript = (packages["typescript/internal"] / "src" / "sdk.gen.ts").read_text()
    functions = {name.lower() for name in re.findall(r"export const (\w+) =", typescript)}
    assert functions == {operation.replace("_", "") for operation in operations}


@pytest.mark.full
def test_typescript_checks_request_bodies(packages: dict[str, Path]) -> None:
    package = packages["typescript/external"]
    use = package / "src" / "use.ts"
    call = (
        "import {{logInCustomer}} from './index';\nvoid logInCustomer({{body: {{user_name: '', {field}: ''}}}});\n"
    )
    use.write_text(call.format(field="password"))
    check_types(package)
    use.write_text(call.format(field="pass_word"))
    with pytest.raises(ToolError, match="pass_word"):
        check_types(package)
    use.unlink()
    check_types(packages["typescript/internal"])
