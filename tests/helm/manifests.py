"""Finding one's way in rendered manifests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
POD_KINDS = ("Deployment", "Job", "CronJob")


@dataclass(frozen=True)
class Release:
    """One service in one environment."""

    service: str
    environment: str
    documents: list[Document]

    def all(self, *kinds: str) -> list[Document]:
        return [document for document in self.documents if document["kind"] in kinds]

    def one(self, kind: str, name: str) -> Document:
        [found] = [document for document in self.all(kind) if document["metadata"]["name"] == name]
        return found

    def pods(self) -> Iterator[tuple[str, Document]]:
        """Every pod template with the name of what makes it."""
        for document in self.all(*POD_KINDS):
            spec = document["spec"]
            if document["kind"] == "CronJob":
                spec = spec["jobTemplate"]["spec"]
            yield document["metadata"]["name"], spec["template"]

    def secret(self, name: str) -> dict[str, str]:
        """The templates by key of the Secret that External Secrets makes."""
        found: dict[str, str] = (
            self.one("ExternalSecret", name)["spec"]["target"].get("template", {}).get("data", {})
        )
        return found

    def environment_of(self, pod: Document) -> dict[str, str]:
        """The environment variables of a pod's container; a secret one has its template as value."""
        [container] = pod["spec"]["containers"]
        values = {entry["name"]: entry["value"] for entry in container.get("env", ())}
        for source in container["envFrom"]:
            if "configMapRef" in source:
                values |= self.one("ConfigMap", source["configMapRef"]["name"])["data"]
            else:
                values |= self.secret(source["secretRef"]["name"])
        return values
