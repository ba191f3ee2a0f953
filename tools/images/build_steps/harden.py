"""Remove package installers, setuid and setgid permissions, and this file from an image."""

import shutil
import stat
import sys
from pathlib import Path

TOOLS = ("pip", "setuptools", "wheel", "pkg_resources", "_distutils_hack", "ensurepip")
PROGRAMS = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/lib", "usr/libexec", "usr/local")
SET_ID_BITS = stat.S_ISUID | stat.S_ISGID

for folder in {Path(path) for path in sys.path if Path(path).is_dir()}:
    for name in TOOLS:
        for path in (folder / name, *folder.glob(f"{name}-*.dist-info")):
            shutil.rmtree(path, ignore_errors=True)
for program in Path(sys.prefix, "bin").glob("pip*"):
    program.unlink()
for program_folder in PROGRAMS:
    for path in Path("/", program_folder).rglob("*"):
        if path.is_file() and not path.is_symlink() and (mode := path.stat().st_mode) & SET_ID_BITS:
            path.chmod(mode & ~SET_ID_BITS)
Path(__file__).unlink()
