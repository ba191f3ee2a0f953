"""Compiles the modules under a folder in one process and in order, so that the same sources give the same bytes."""

import compileall
import py_compile
import sys

# The image can't change, so nothing is gained by looking whether a source has.
UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH

for folder in sys.argv[1:]:
    if not compileall.compile_dir(folder, quiet=2, workers=1, invalidation_mode=UNCHECKED):
        print(f"some modules under {folder} were not compiled", file=sys.stderr)
