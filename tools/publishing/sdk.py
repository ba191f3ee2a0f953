"""The SDKs: a Python and a TypeScript package for each gateway, generated from its published contracts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tools import npm_packages
from tools.errors import ToolError
from tools.gateway.build import GATEWAYS, GatewayName
from tools.project import ROOT, version
from tools.publishing.contracts import AUDIENCES, merged_document, published_documents

BINARY = ("application/pdf", "image/png")


def build_sdks(out: Path) -> list[Path]:
    """Generate all packages in `out` and return their folders."""
    shutil.rmtree(out, ignore_errors=True)
    return [folder for gateway in GATEWAYS for folder in build_sdk(gateway, out)]


def build_sdk(gateway: GatewayName, out: Path) -> list[Path]:
    """Generate `out`/python/<gateway> and `out`/typescript/<gateway>."""
    out = out.resolve()
    contract = out / f"{gateway}.json"
    out.mkdir(parents=True, exist_ok=True)
    contract.write_text(json.dumps(merged_document(gateway, published_documents(gateway)), indent=1) + "\n")
    return [
        _generate_python(gateway, contract, out / "python" / gateway),
        _generate_typescript(gateway, contract, out / "typescript" / gateway),
    ]


def check_types(package: Path) -> None:
    """Check a TypeScript package with the compiler; ToolError with its errors."""
    compiler = npm_packages.install("sdk") / "node_modules" / "typescript" / "bin" / "tsc"
    npm_packages.run(["node", str(compiler), "--project", str(package), "--noEmit"], cwd=package)


def _generate_python(gateway: str, contract: Path, folder: Path) -> Path:
    names = {
        "project_name_override": f"reclothes-{gateway}",
        "package_name_override": f"reclothes_{gateway}",
        "package_version_override": version(),
        "post_hooks": [],
        # Labels and images are bytes.
        "content_type_overrides": dict.fromkeys(BINARY, "application/octet-stream"),
    }
    settings = contract.with_suffix(".python.yaml")
    settings.write_text(yaml.safe_dump(names))
    command = [str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--path", str(contract)]
    command += ["--config", str(settings), "--meta", "setup", "--output-path", str(folder), "--overwrite"]
    command += ["--fail-on-warning"]
    folder.parent.mkdir(parents=True, exist_ok=True)
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if completed.returncode:
        raise ToolError(
            f"Generating the Python SDK of {gateway} failed: {completed.stdout[-2000:]}{completed.stderr[-2000:]}"
        )
    return folder


def _generate_typescript(gateway: str, contract: Path, folder: Path) -> Path:
    tools = npm_packages.install("sdk")
    generator = tools / "node_modules" / "@hey-api" / "openapi-ts" / "bin" / "run.js"
    command = ["node", str(generator), "--input", str(contract), "--output", str(folder / "src")]
    npm_packages.run([*command, "--client", "@hey-api/client-fetch", "--no-log-file"], cwd=tools)
    package = {
        "name": f"@reclothes/{gateway}",
        "version": version(),
        "description": f"The ReClothes platform for {AUDIENCES[gateway]}",
        "type": "module",
        "main": "dist/index.js",
        "types": "dist/index.d.ts",
        "files": ["dist"],
        "scripts": {"build": "tsc"},
        "private": gateway == "internal",
        "devDependencies": {"typescript": "^5.9.0"},
    }
    settings = {
        "compilerOptions": {
            "target": "ES2022",
            "module": "ES2022",
            "moduleResolution": "bundler",
            "lib": ["ES2022", "DOM", "DOM.Iterable"],
            "strict": True,
            "skipLibCheck": True,
            "declaration": True,
            "types": [],
            "rootDir": "src",
            "outDir": "dist",
        },
        "include": ["src"],
    }
    (folder / "package.json").write_text(json.dumps(package, indent=2) + "\n")
    (folder / "tsconfig.json").write_text(json.dumps(settings, indent=2) + "\n")
    return folder
