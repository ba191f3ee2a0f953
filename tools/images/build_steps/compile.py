"""Compile the modules in the given folders reproducibly: in one process and in order."""

import compileall
import py_compile
import sys

# Images are immutable, so sources need not be compared with the compiled files.
UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH

for folder in sys.argv[1:]:
    if not compileall.compile_dir(folder, quiet=2, workers=1, invalidation_mode=UNCHECKED):
        print(f"Some modules in {folder} could not be compiled.", file=sys.stderr)
