"""The load layer's tests patch their process (gevent), so they run in one of their own."""

from pathlib import Path

import pytest

LOAD = Path(__file__).parent / "load"


def _load_only(config: pytest.Config) -> bool:
    return bool(config.args) and all(
        Path(argument.split("::")[0]).resolve().is_relative_to(LOAD) for argument in config.args
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave tests/load out unless nothing else is asked for."""
    return True if collection_path == LOAD and not _load_only(config) else None


def pytest_report_header(config: pytest.Config) -> str:
    """Say what is left out."""
    return "" if _load_only(config) else "left out: tests/load, which `pytest tests/load` runs"
