"""Facts about libraries of clouds: loaded late, refused where they break, missed by name."""

import subprocess
import sys

import pytest

from inferswarm.stores.failures import NO_ANSWER
from inferswarm.stores.service import common_status
from inferswarm.stores.table import SCHEMES

ASK = """
from inferswarm.errors import InferswarmError
from inferswarm.stores import Uri, store_for
try:
    store_for(Uri.parse("{scheme}://box/x")).info(Uri.parse("{scheme}://box/x"))
except InferswarmError as error:
    print(type(error).__name__, error.exit_code, error)
"""


def said(code: str) -> str:
    """What a Python process of its own prints."""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return ran.stdout


def test_importing_the_stores_loads_no_library_of_a_cloud() -> None:
    """Neither importing the package nor asking for a store loads fsspec or what stands on it."""
    libraries = ["fsspec", "aiohttp", "google", "azure", *(r.library for r in SCHEMES.values())]
    printed = said(
        "import sys\n"
        "from inferswarm.stores import Uri, store_for\n"
        "for scheme in ('gs', 's3', 'az', 'http', 'file'):\n"
        "    store_for(Uri(scheme, 'box', 'x'))\n"
        f"print([name for name in {libraries} if name in sys.modules])"
    )
    assert printed.strip() == "[]"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_patched_process_is_refused(scheme: str) -> None:
    """Where gevent has patched sockets, the libraries would hang, so using a bucket is refused."""
    patch = "from gevent import monkey; monkey.patch_all()\n"
    printed = said(patch + ASK.format(scheme=scheme))
    assert printed.startswith("StoreError 5 ")
    assert f"{scheme}:// cannot be used in a process that gevent has patched" in printed


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_missing_extra_is_named(scheme: str) -> None:
    """Without the library the message has the command that installs it."""
    hide = "import sys; sys.modules['fsspec'] = None\n"
    printed = said(hide + ASK.format(scheme=scheme))
    assert printed.startswith("ExtraError 2 ")
    assert f"pip install 'inferswarm[{SCHEMES[scheme].extra}]'" in printed


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (FileNotFoundError("x"), 404),
        (FileExistsError("x"), 412),
        (PermissionError("x"), 403),
        (TimeoutError(), NO_ANSWER),
        (ConnectionResetError(), NO_ANSWER),
        (ValueError("x"), None),
    ],
)
def test_built_in_errors_have_a_status(error: Exception, status: int | None) -> None:
    """The errors of files and sockets mean the same in every library."""
    assert common_status(error) == status
