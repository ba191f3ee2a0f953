"""As much of a Kubernetes API server as Helm needs to install, upgrade, roll back and remove a release.

The package registries contain no API server, so this fake stores objects, validates those of Kubernetes against
their schemas, notifies watchers of changes, and reports every object as ready immediately (a Job as complete, or as
failed if a test requests it). `changes` lists the operations in order.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kubernetes_validate
import yaml

from tests.helm import protobuf

Document = dict[str, Any]
VERSION = "1.35"
# Kind, group and version (none: the core group), plural; those of the cluster's add-ons have no schema here.
KINDS = {
    "Secret": ("v1", "secrets"),
    "ConfigMap": ("v1", "configmaps"),
    "Service": ("v1", "services"),
    "ServiceAccount": ("v1", "serviceaccounts"),
    "Namespace": ("v1", "namespaces"),
    "Pod": ("v1", "pods"),
    "Deployment": ("apps/v1", "deployments"),
    "ReplicaSet": ("apps/v1", "replicasets"),
    "Job": ("batch/v1", "jobs"),
    "CronJob": ("batch/v1", "cronjobs"),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "horizontalpodautoscalers"),
    "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets"),
    "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies"),
    "Ingress": ("networking.k8s.io/v1", "ingresses"),
}
ADD_ONS = {
    "ExternalSecret": ("external-secrets.io/v1", "externalsecrets"),
    "SecretStore": ("external-secrets.io/v1", "secretstores"),
    "Certificate": ("cert-manager.io/v1", "certificates"),
    "ScaledObject": ("keda.sh/v1alpha1", "scaledobjects"),
    "TriggerAuthentication": ("keda.sh/v1alpha1", "triggerauthentications"),
    "ServiceMonitor": ("monitoring.coreos.com/v1", "servicemonitors"),
    "TargetGroupBinding": ("elbv2.k8s.aws/v1beta1", "targetgroupbindings"),
}
ALL = KINDS | ADD_ONS
PATH = re.compile(
    r"^/(?:api|apis)/(?P<version>(?:[^/]+/)?v[^/]+)(?:/namespaces/(?P<ns>[^/]+))?/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?$"
)


@dataclass
class Cluster:
    """The objects by (plural, name), and what was done to them."""

    objects: dict[tuple[str, str], Document] = field(default_factory=dict)
    changes: list[tuple[str, str, str]] = field(default_factory=list)
    failing_jobs: bool = False
    events: list[tuple[str, str, Document]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    is_over: bool = False
    number: int = 100

    def names(self, kind: str) -> set[str]:
        plural = ALL[kind][1]
        return {name for (found, name) in self.objects if found == plural}

    def get(self, kind: str, name: str) -> Document:
        return self.objects[ALL[kind][1], name]

    def put(self, verb: str, plural: str, document: Document) -> Document:
        """Keep an object; KeyError when it was to be new and is there, ValidationError when a field is wrong."""
        kind, name = document["kind"], document["metadata"]["name"]
        if kind in KINDS and kind != "Secret":
            kubernetes_validate.validate({k: v for k, v in document.items() if k != "status"}, VERSION, strict=True)
        with self.changed:
            before = self.objects.get((plural, name))
            if verb == "create" and before is not None:
                raise KeyError(name)
            self.number += 1
            generation = (before or {}).get("metadata", {}).get("generation", 0) + 1
            document["metadata"] |= {
                "uid": f"uid-{plural}-{name}",
                "resourceVersion": str(self.number),
                "generation": generation,
                "creationTimestamp": "2026-01-01T00:00:00Z",
            }
            document["status"] = self._status(document)
            self.objects[plural, name] = document
            self._tell("MODIFIED" if before else "ADDED", plural, document)
            if not (kind == "Secret" and document.get("type") == "helm.sh/release.v1"):
                self.changes.append(("change" if before else "create", kind, name))
        return document

    def remove(self, plural: str, name: str) -> None:
        with self.changed:
            document = self.objects.pop((plural, name))
            self._tell("DELETED", plural, document)
            if document.get("type") != "helm.sh/release.v1":
                self.changes.append(("delete", document["kind"], name))

    def _tell(self, event: str, plural: str, document: Document) -> None:
        self.events.append((event, plural, document))
        self.changed.notify_all()

    def _status(self, document: Document) -> Document:
        generation, kind = document["metadata"]["generation"], document["kind"]
        if kind == "Deployment":
            count = document["spec"].get("replicas", 1)
            counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
            conditions = [{"type": kind, "status": "True"} for kind in ("Available", "Progressing")]
            conditions[1]["reason"] = "NewReplicaSetAvailable"
            return {"observedGeneration": generation, "conditions": conditions} | dict.fromkeys(counts, count)
        if kind == "Job":
            outcome = "Failed" if self.failing_jobs else "Complete"
            counted = {"failed": 3} if self.failing_jobs else {"succeeded": 1}
            condition = {"type": outcome, "status": "True", "reason": outcome, "message": outcome}
            return {"startTime": "2026-01-01T00:00:00Z", "conditions": [condition]} | counted
        if kind == "PodDisruptionBudget":
            return {"observedGeneration": generation, "currentHealthy": 1, "desiredHealthy": 0}
        if kind in ADD_ONS:
            return {"conditions": [{"type": "Ready", "status": "True"}]}
        return {}


@contextmanager
def running(kubeconfig: Any) -> Iterator[Cluster]:
    """Run a cluster on a free loopback port, and write its kubeconfig."""
    cluster = Cluster()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(cluster))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    named = {"cluster": "fake", "user": "fake"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "fake",
        "contexts": [{"name": "fake", "context": named}],
        "clusters": [{"name": "fake", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "fake", "user": {}}],
    }
    kubeconfig.write_text(yaml.safe_dump(config))
    kubeconfig.chmod(0o600)
    try:
        yield cluster
    finally:
        with cluster.changed:
            cluster.is_over = True
            cluster.changed.notify_all()
        server.shutdown()
        server.server_close()


def _handler_of(cluster: Cluster) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"cluster": cluster})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cluster: Cluster

    def log_message(self, *_: Any) -> None:
        """Log nothing: the changes are recorded in the cluster."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if (document := _discovery(parts.path)) is not None:
            self._respond(200, document)
            return
        target = PATH.match(parts.path)
        if target is None:
            self._reject(404, "NotFound", parts.path)
            return
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if target["name"]:
            found = self.cluster.objects.get((target["plural"], target["name"]))
            self._respond(200, found) if found else self._reject(404, "NotFound", target["name"])
        elif query.get("watch") in ("true", "1"):
            self._watch(target["plural"], query)
        else:
            self._list(target, query)

    def _list(self, target: re.Match[str], query: dict[str, str]) -> None:
        kind = next(kind for kind, (_, plural) in ALL.items() if plural == target["plural"])
        items = [one for one in self._of(target["plural"]) if _fits(one, query)]
        version = {"resourceVersion": str(self.cluster.number)}
        self._respond(
            200, {"kind": f"{kind}List", "apiVersion": target["version"], "metadata": version, "items": items}
        )

    def _of(self, plural: str) -> list[Document]:
        with self.cluster.changed:
            return [one for (found, _), one in self.cluster.objects.items() if found == plural]

    def _watch(self, plural: str, query: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        seen = len(self.cluster.events)
        with suppress(OSError):  # the watching client has disconnected
            if query.get("sendInitialEvents") == "true":
                self._send_all(plural, query)
            self._send_events(plural, query, seen)

    def _send_all(self, plural: str, query: dict[str, str]) -> None:
        for one in self._of(plural):
            if _fits(one, query):
                self._event("ADDED", one)
        kind, (version, _) = next((kind, known) for kind, known in ALL.items() if known[1] == plural)
        end = {"resourceVersion": str(self.cluster.number), "annotations": {"k8s.io/initial-events-end": "true"}}
        self._event("BOOKMARK", {"kind": kind, "apiVersion": version, "metadata": end})

    def _send_events(self, plural: str, query: dict[str, str], seen: int) -> None:
        deadline = time.monotonic() + min(int(query.get("timeoutSeconds", "60")), 60)
        while time.monotonic() < deadline:
            with self.cluster.changed:
                if len(self.cluster.events) == seen:
                    self.cluster.changed.wait(timeout=1)
                if self.cluster.is_over:
                    return
                fresh, seen = self.cluster.events[seen:], len(self.cluster.events)
            for event, of, document in fresh:
                if of == plural and _fits(document, query):
                    self._event(event, document)

    def _event(self, event: str, document: Document) -> None:
        line = json.dumps({"type": event, "object": document}).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.flush()

    def do_POST(self) -> None:
        self._put("create")

    def do_PUT(self) -> None:
        self._put("change")

    def do_PATCH(self) -> None:
        """Server-side apply: the whole object, as Helm 4 sends it."""
        if "apply-patch" not in self.headers.get("Content-Type", ""):
            self._reject(415, "UnsupportedMediaType", self.headers.get("Content-Type", ""))
            return
        self._put("apply")

    def _put(self, verb: str) -> None:
        target = PATH.match(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        document = protobuf.secret(body) if body.startswith(protobuf.MAGIC) else yaml.safe_load(body)
        if target is None or not isinstance(document, dict):
            self._reject(404, "NotFound", self.path)
            return
        try:
            self._respond(201 if verb == "create" else 200, self.cluster.put(verb, target["plural"], document))
        except KeyError as error:
            self._reject(409, "AlreadyExists", str(error))
        except kubernetes_validate.ValidationError as error:
            self._reject(422, "Invalid", error.message)

    def do_DELETE(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = PATH.match(urlsplit(self.path).path)
        if target is None or (target["plural"], target["name"]) not in self.cluster.objects:
            self._reject(404, "NotFound", self.path)
            return
        self.cluster.remove(target["plural"], target["name"])
        self._respond(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})

    def _reject(self, code: int, reason: str, message: str) -> None:
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        self._respond(code, status | {"reason": reason, "code": code, "message": message})

    def _respond(self, code: int, document: Document) -> None:
        body = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _fits(document: Document, query: dict[str, str]) -> bool:
    """Whether an object fits a list's labelSelector (equalities) and fieldSelector (its name)."""
    labels = document["metadata"].get("labels", {})
    for part in filter(None, query.get("labelSelector", "").split(",")):
        name, _, value = part.partition("=")
        if labels.get(name) != value.lstrip("="):
            return False
    for part in filter(None, query.get("fieldSelector", "").split(",")):
        name, _, value = part.partition("=")
        if name == "metadata.name" and document["metadata"]["name"] != value:
            return False
    return True


def _discovery(path: str) -> Document | None:
    """Return the discovery documents of the server."""
    groups = sorted({version for version, _ in ALL.values() if "/" in version})
    if path == "/version":
        return {"major": "1", "minor": "35", "gitVersion": f"v{VERSION}.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        listed = []
        for version in groups:
            entry = {"groupVersion": version, "version": version.partition("/")[2]}
            listed.append({"name": version.partition("/")[0], "versions": [entry], "preferredVersion": entry})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
    if path.startswith("/openapi/v3"):
        return _openapi(path.removeprefix("/openapi/v3").lstrip("/"), groups)
    version = path.removeprefix("/apis/") if path.startswith("/apis/") else path.removeprefix("/api/")
    if version not in (*groups, "v1"):
        return None
    verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    resources = [
        {
            "name": plural,
            "singularName": kind.lower(),
            "namespaced": kind != "Namespace",
            "kind": kind,
            "verbs": verbs,
        }
        for kind, (of, plural) in ALL.items()
        if of == version
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


def _openapi(of: str, groups: list[str]) -> Document | None:
    """Documents that say one thing: the server checks the fields itself (the parameter `fieldValidation`)."""
    places = {f"apis/{version}": version for version in groups} | {"api/v1": "v1"}
    if not of:
        return {"paths": {place: {"serverRelativeURL": f"/openapi/v3/{place}"} for place in places}}
    if of not in places:
        return None
    paths = {}
    for kind, (version, plural) in ALL.items():
        if version == places[of]:
            group, _, number = version.rpartition("/")
            paths[f"/{of}/namespaces/{{namespace}}/{plural}/{{name}}"] = {
                "patch": {
                    "parameters": [{"name": "fieldValidation", "in": "query"}],
                    "x-kubernetes-group-version-kind": {"group": group, "version": number, "kind": kind},
                }
            }
    return {"openapi": "3.0.0", "info": {"title": "fake", "version": VERSION}, "paths": paths}
