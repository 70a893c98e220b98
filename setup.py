"""What of the package is not Python: the recorder's thread (on Linux), and hot rules of reading.

Where there is no compiler they are left out: the run says that it uses the other recorder, and reading
costs more.
"""

import sys

from setuptools import Extension, setup

NATIVE = "src/inferswarm/load/transport/native"

OPTIONS = {
    "define_macros": [("_GNU_SOURCE", None)],
    "extra_compile_args": ["-std=c11", "-O2", "-Wall", "-Wextra"],
    "optional": True,
}

quick = Extension("inferswarm._quick", sources=["src/inferswarm/native/quick.c"], **OPTIONS)
reader = Extension(
    "inferswarm.load.transport._reader",
    sources=[f"{NATIVE}/{name}.c" for name in ("scan", "reader", "module")],
    depends=[f"{NATIVE}/{name}.h" for name in ("scan", "reader")],
    **OPTIONS,
)
setup(ext_modules=[quick, reader] if sys.platform == "linux" else [quick])
