"""Takes pip, setuptools and the like out of a base image, and itself."""

import shutil
import sys
from pathlib import Path

TOOLS = ("pip", "setuptools", "wheel", "pkg_resources", "_distutils_hack", "ensurepip")

for folder in {Path(path) for path in sys.path if Path(path).is_dir()}:
    for name in TOOLS:
        for found in (folder / name, *folder.glob(f"{name}-*.dist-info")):
            shutil.rmtree(found, ignore_errors=True)
for program in Path(sys.prefix, "bin").glob("pip*"):
    program.unlink()
Path(__file__).unlink()
