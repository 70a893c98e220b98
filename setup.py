"""The one part of the package that is not Python: the recorder's reading thread, for Linux.

Where there is no compiler it is left out, and the run says that it uses the other recorder.
"""

import sys

from setuptools import Extension, setup

NATIVE = "src/inferswarm/load/transport/native"

reader = Extension(
    "inferswarm.load.transport._reader",
    sources=[f"{NATIVE}/{name}.c" for name in ("scan", "reader", "module")],
    depends=[f"{NATIVE}/{name}.h" for name in ("scan", "reader")],
    define_macros=[("_GNU_SOURCE", None)],
    extra_compile_args=["-std=c11", "-O2", "-Wall", "-Wextra"],
    optional=True,
)
setup(ext_modules=[reader] if sys.platform == "linux" else [])
