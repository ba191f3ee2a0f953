"""Build the sites: a reference for each gateway and service, the events and the guides."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from tools import npm_packages
from tools.gateway.build import GATEWAYS
from tools.project import CONTRACTS, ROOT, version
from tools.publishing.contracts import AUDIENCES, published_documents
from tools.publishing.site.events import Event, read_events
from tools.publishing.site.guides import Guide, images, read_guides

# The logo beside "API docs by Redocly", the only external resource of Redoc.
REDOC_LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"
EMPTY_IMAGE = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"
# Gateway → domain → document.
Documents = dict[str, dict[str, dict[str, Any]]]
TEMPLATES = Path(__file__).parent / "templates"


def build_site(out: Path, *, root: Path = ROOT) -> list[Path]:
    """Build the sites `out`/external (public) and `out`/internal (for staff), and return their pages."""
    shutil.rmtree(out, ignore_errors=True)
    documents: Documents = {
        gateway: published_documents(gateway, root / "gateway-config", root / CONTRACTS.name)
        for gateway in GATEWAYS
    }
    return [*_external_site(out / "external", documents, root), *_internal_site(out / "internal", documents, root)]


def _external_site(out: Path, documents: Documents, root: Path) -> list[Path]:
    """Build the site with the operations of the external gateway only."""
    pages = _Pages(out, version(root))
    references = {"external": _write_references(pages, "external", documents)}
    pages.write_index(references, events=[], guides=[])
    return pages.written


def _internal_site(out: Path, documents: Documents, root: Path) -> list[Path]:
    """Build the site with the operations of both gateways, the events and the guides."""
    pages = _Pages(out, version(root))
    references = {gateway: _write_references(pages, gateway, documents) for gateway in documents}
    events = read_events(root / CONTRACTS.name)
    pages.write("events.html", "events.html", title="Events", events=events)
    guides = read_guides(root / "docs")
    for guide in guides:
        pages.write("guide.html", f"guides/{guide.page}", title=guide.title, body=guide.body)
    for image in images(root / "docs"):
        shutil.copy(image, out / "guides" / image.relative_to(root / "docs"))
    pages.write_index(references, events=events, guides=guides)
    return pages.written


class _Pages:
    """Renders templates; each page gets the relative path of the site's root."""

    def __init__(self, out: Path, version_: str) -> None:
        _copy_assets(out / "assets")
        self.out = out
        self.version = version_
        self.written: list[Path] = []
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
        )

    def write(self, template: str, page: str, **values: Any) -> None:
        file = self.out / page
        file.parent.mkdir(parents=True, exist_ok=True)
        root = "../" * page.count("/")
        file.write_text(self._templates.get_template(template).render(root=root, version=self.version, **values))
        self.written.append(file)

    def write_index(
        self, references: Mapping[str, Mapping[str, str]], events: Sequence[Event], guides: Sequence[Guide]
    ) -> None:
        values = {"references": references, "audiences": AUDIENCES, "events": events, "guides": guides}
        self.write("index.html", "index.html", title="Reference", **values)


def _write_references(pages: _Pages, gateway: str, documents: Documents) -> dict[str, str]:
    """Write a page for each service, and return the descriptions by service."""
    for domain, document in documents[gateway].items():
        _write_reference(pages, gateway, domain, document)
    return {domain: document["info"]["description"] for domain, document in documents[gateway].items()}


def _write_reference(pages: _Pages, gateway: str, domain: str, document: Mapping[str, Any]) -> None:
    pages.write(
        "reference.html",
        f"{gateway}/{domain}.html",
        title=document["info"]["title"],
        gateway=gateway,
        domain=domain,
        # "<" could end the script element that contains the document.
        document=json.dumps(document, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c"),
    )
    (pages.out / gateway / f"{domain}.json").write_text(json.dumps(document, indent=1) + "\n")


def _copy_assets(assets: Path) -> None:
    assets.mkdir(parents=True)
    redoc = npm_packages.install("docs") / "node_modules" / "redoc"
    script = (redoc / "bundles" / "redoc.standalone.js").read_text()
    (assets / "redoc.standalone.js").write_text(script.replace(REDOC_LOGO, EMPTY_IMAGE))
    shutil.copy(redoc / "LICENSE", assets / "redoc.LICENSE.txt")
    shutil.copy(redoc / "bundles" / "redoc.standalone.js.LICENSE.txt", assets)
    shutil.copy(TEMPLATES / "site.css", assets)
