"""Emulated clouds on 127.0.0.1: each starts in a process of its own and ends with the test.

with clouds.gs() as cloud, cloud.in_use():
    store_for(Uri.parse(f"{cloud.uri}/name")).put_bytes(b"...", ...)
"""

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from tests.servers import IPV4, free_port

ROOT = Path(__file__).parents[1]
AZURITE = ROOT / "build" / "azurite" / "node_modules" / ".bin" / "azurite-blob"
NO_AZURITE = "Azurite is not installed: run tools/azurite.sh once (needs npm)"
BUCKET = "prompts-and-results"

_HOST = IPV4
_READY_S = 60.0
# Azurite's account, which its documentation publishes for everybody.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True)
class Cloud:
    """A running emulator: the variables that lead to it, and the URI of an empty bucket there."""

    environment: Mapping[str, str]
    uri: str
    port: int
    processes: Sequence["subprocess.Popen[bytes]"] = field(default=(), repr=False)

    def through(self, port: int) -> "Cloud":
        """The same cloud behind another port, such as a proxy's."""
        old, new = f"{_HOST}:{self.port}", f"{_HOST}:{port}"
        changed = {name: value.replace(old, new) for name, value in self.environment.items()}
        return Cloud(changed, self.uri, port)

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Set the variables in this process for a while."""
        with mock.patch.dict(os.environ, self.environment):
            yield


@contextlib.contextmanager
def gs(bucket: str = BUCKET) -> Iterator[Cloud]:
    """Google Cloud Storage by gcp-storage-emulator, in memory."""
    port = free_port()
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--quiet", "--in-memory"]
    command += [f"--host={_HOST}", f"--port={port}", f"--default-bucket={bucket}"]
    with _running(command, f"http://{_HOST}:{port}/") as process:
        yield Cloud(environment("gs", port), f"gs://{bucket}", port, (process,))


@contextlib.contextmanager
def s3(bucket: str = BUCKET) -> Iterator[Cloud]:
    """S3 (and STS and IAM) by moto's server."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", f"-H{_HOST}", f"-p{port}"]
    base = f"http://{_HOST}:{port}"
    with _running(command, f"{base}/moto-api/") as process:
        send("PUT", f"{base}/{bucket}")
        yield Cloud(environment("s3", port), f"s3://{bucket}", port, (process,))


@contextlib.contextmanager
def az(container: str = BUCKET) -> Iterator[Cloud]:
    """Azure's blobs by Azurite, in memory; needs `AZURITE` to exist."""
    port = free_port()
    command = [str(AZURITE), "--silent", "--skipApiVersionCheck", "--inMemoryPersistence"]
    command += ["--disableTelemetry", "--blobHost", _HOST, "--blobPort", str(port)]
    with _running(command, f"http://{_HOST}:{port}/") as process:
        variables = environment("az", port)
        _create_container(variables["AZURE_STORAGE_CONNECTION_STRING"], container)
        yield Cloud(variables, f"az://{container}", port, (process,))


def environment(scheme: str, port: int) -> dict[str, str]:
    """The variables that lead to a service of this scheme on a port of 127.0.0.1."""
    base = f"http://{_HOST}:{port}"
    if scheme == "gs":
        return {"STORAGE_EMULATOR_HOST": base}
    if scheme == "s3":
        return {
            "AWS_ENDPOINT_URL": base,
            "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
            "AWS_SECRET_ACCESS_KEY": "made-up",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    connection = f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_KEY};"
    return {"AZURE_STORAGE_CONNECTION_STRING": f"{connection}BlobEndpoint={base}/{_ACCOUNT};"}


def send(method: str, url: str, body: bytes = b"") -> bytes:
    """Send one plain request past any proxy and return the body of the answer."""
    headers = {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        return bytes(answer.read())


def _create_container(connection: str, container: str) -> None:
    code = (
        "import sys; from azure.storage.blob import BlobServiceClient as Client;"
        "Client.from_connection_string(sys.argv[1]).create_container(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", code, connection, container], check=True, timeout=60)


@contextlib.contextmanager
def _running(command: Sequence[str], url: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    try:
        _wait_for(process, url)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _wait_for(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + _READY_S
    while not _answers(url):
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        assert time.monotonic() < deadline, f"{process.args!r} does not answer at {url}"
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        send("GET", url)
    except urllib.error.HTTPError:
        return True  # a refusal is an answer too
    except OSError:
        return False
    return True
