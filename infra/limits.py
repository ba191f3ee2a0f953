"""CloudFormation's limits of a template ("Quotas" of its user guide), and what to do before one is reached."""

from __future__ import annotations

import json
from pathlib import Path

# Of a template that comes from S3, as the CDK deploys all of them.
MOST_BYTES = 1_000_000
MOST_RESOURCES, MOST_OUTPUTS = 500, 200
# Beyond this part of a limit a template is refused here, while there is still room to do something about it.
USABLE = 0.95
ADVICE = {
    "bytes": (
        "Most of a gateway's template is its document: leave out of it what Amazon does not need "
        "(tools/gateway/amazon.py), or let the API read it from S3 (BodyS3Location)"
    ),
    "resources": "Give a part of the stack a stack of its own",
    "outputs": "Give a part of the stack a stack of its own",
}


class TemplateTooBig(ValueError):
    """Templates approach CloudFormation's limits; the message names them and what to do."""


def refuse_big_templates(folder: Path) -> None:
    """TemplateTooBig when a template in the folder has more than it should."""
    found = [complaint for file in sorted(folder.glob("*.template.json")) for complaint in complaints_of(file)]
    if found:
        raise TemplateTooBig("\n".join(found))


def complaints_of(file: Path) -> list[str]:
    """What one template has too much of."""
    content = file.read_bytes()
    template = json.loads(content)
    counts = {
        "bytes": (len(content), MOST_BYTES),
        "resources": (len(template["Resources"]), MOST_RESOURCES),
        "outputs": (len(template.get("Outputs", {})), MOST_OUTPUTS),
    }
    return [
        f"{file.name} has {count:,} {what}. CloudFormation takes {most:,}, and we stop at {USABLE * most:,.0f}. "
        f"{ADVICE[what]}."
        for what, (count, most) in counts.items()
        if count > USABLE * most
    ]
