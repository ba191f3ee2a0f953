"""Write the software bill of materials of an image (CycloneDX 1.6, JSON): list_packages.py SERVICE FILE FOLDER...

It lists the Python packages that are installed in the folders, and the Debian packages.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from email.parser import HeaderParser
from importlib.metadata import distributions
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

DEBIAN = Path("/var/lib/dpkg/status")


def list_python_packages(folders: list[str]) -> Iterator[Component]:
    for package in distributions(path=folders):
        name, version = package.metadata["Name"], package.version
        yield _library(PackageURL("pypi", name=name.lower().replace("_", "-"), version=version), name)


def list_debian_packages() -> Iterator[Component]:
    """Yield the packages in the database of dpkg; none on another base."""
    paragraphs = DEBIAN.read_text().strip().split("\n\n") if DEBIAN.exists() else []
    for paragraph in paragraphs:
        fields = HeaderParser().parsestr(paragraph)
        purl = PackageURL("deb", "debian", fields["Package"], fields["Version"], {"arch": fields["Architecture"]})
        yield _library(purl, fields["Package"])


def _library(purl: PackageURL, name: str) -> Component:
    kind = ComponentType.LIBRARY
    return Component(type=kind, name=name, version=purl.version, purl=purl, bom_ref=purl.to_string())


def main(service: str, file: str, *folders: str) -> None:
    bom = Bom()
    bom.metadata.component = Component(type=ComponentType.CONTAINER, name=f"reclothes-{service}", bom_ref=service)
    bom.components.update(list_python_packages(list(folders)))
    bom.components.update(list_debian_packages())
    bom.register_dependency(bom.metadata.component, bom.components)
    document = JsonV1Dot6(bom)
    document.generate()
    Path(file).write_text(_make_reproducible(document.output_as_string(indent=1)))


def _make_reproducible(text: str) -> str:
    """Remove the serial number and the time, which differ in every build."""
    import json

    document = json.loads(text)
    document.pop("serialNumber", None)
    document["metadata"].pop("timestamp", None)
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    main(*sys.argv[1:])
