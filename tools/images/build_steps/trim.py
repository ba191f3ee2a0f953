"""Remove unused files from installed packages, a quarter of their size: trim.py FOLDER

boto3 contains descriptions of all AWS services, and wheels with compiled modules often contain their sources.
"""

import shutil
import sys
from pathlib import Path

# Queues, topics, photos, and tokens of a pod's role (IRSA). Add a service here before you use it.
AMAZON_SERVICES = {"sqs", "sns", "s3", "sts"}
SOURCES = ("*.c", "*.pyx", "*.pxd", "*.h", "*.hpp")

packages = Path(sys.argv[1])
for description in (packages / "botocore" / "data").glob("*/"):
    if description.name not in AMAZON_SERVICES:
        shutil.rmtree(description)
for pattern in SOURCES:
    for source in packages.rglob(pattern):
        source.unlink()
