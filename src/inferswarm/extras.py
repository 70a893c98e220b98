"""Packages that only some uses need: imported when they are, with a word on how to get them."""

import importlib
from types import ModuleType

from inferswarm.errors import InputError


def need(module: str, extra: str, what: str) -> ModuleType:
    """Import an optional package; raises InputError saying that `what` needs the extra `extra`."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(
            f"{what} needs the package {module.partition('.')[0]}: pip install 'inferswarm[{extra}]'"
        ) from None
