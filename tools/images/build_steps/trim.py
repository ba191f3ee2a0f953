"""Takes out of installed packages what no service of ours can use, a quarter of their size: trim.py FOLDER

boto3 brings the description of each of Amazon's services, and wheels with compiled parts often bring their sources.
"""

import shutil
import sys
from pathlib import Path

# Queues, topics, photos, and the tokens of a pod's role (IRSA). Another one used: name it here.
AMAZON_SERVICES = {"sqs", "sns", "s3", "sts"}
SOURCES = ("*.c", "*.pyx", "*.pxd", "*.h", "*.hpp")

packages = Path(sys.argv[1])
for described in (packages / "botocore" / "data").glob("*/"):
    if described.name not in AMAZON_SERVICES:
        shutil.rmtree(described)
for pattern in SOURCES:
    for source in packages.rglob(pattern):
        source.unlink()
