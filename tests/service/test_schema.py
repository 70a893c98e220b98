"""Facts about the service's OpenAPI document, as schemathesis finds them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.serving import service

pytestmark = pytest.mark.slow
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
TOOL = Path(sys.executable).with_name("schemathesis")


def test_whatever_the_document_allows_is_answered_as_it_says(tmp_path: Path) -> None:
    """And what it does not allow too: no 5xx, no answer of another form."""
    if not (TOOL.exists() or shutil.which("schemathesis")):
        pytest.skip("schemathesis is not installed")
    with service(tmp_path, patient=True) as served:
        ended = subprocess.run(
            [
                *(str(TOOL), "run", f"{served.url}/openapi.json", "--checks", ",".join(CHECKS)),
                *("--max-examples", "40", "--generation-deterministic"),
                *("--exclude-path-regex", "/events$|/readyz$", "--no-color"),
                *("--request-timeout", "20"),
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=300,
            check=False,
        )
    assert ended.returncode == 0, ended.stdout[-6_000:] + ended.stderr[-2_000:]
    assert "generated" in ended.stdout
