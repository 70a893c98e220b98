"""Facts about buckets, held to all services alike: what works, what fails, and how it is told.

The services' answers come from emulators, or from a server that answers as the service would.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inferswarm.errors import EXIT_INPUT, EXIT_TARGET
from inferswarm.stores import Bounds, Store, Uri, store_for
from inferswarm.stores.bounds import BLOCK_BYTES
from inferswarm.stores.errors import (
    DeniedError,
    ExistsError,
    MissingError,
    StoreError,
    UnreachableError,
)
from inferswarm.stores.interface import CHECK_NAME
from inferswarm.stores.table import SCHEMES, Action
from tests import clouds
from tests.clouds import Cloud
from tests.servers import answering, free_port
from tests.stores.cutting import Answer, Cuts, answering_all, cutting

HASTY = Bounds(connect_s=2, silence_s=5, tries=3, pause_s=0.02, least_bytes_per_s=1 << 20)
IMPATIENT = Bounds(connect_s=0.5, silence_s=0.3, tries=2, pause_s=0.02, least_bytes_per_s=64 << 20)
LARGE_BYTES = 50 << 20

Use = Callable[[Store, Uri, Path], object]
READING: dict[str, Use] = {
    "open": lambda store, uri, _: store.open(uri).read(),
    "info": lambda store, uri, _: store.info(uri),
    "get": lambda store, uri, path: store.get(uri, path),
}
WRITING: dict[str, Use] = {
    "put": lambda store, uri, path: store.put(path, uri),
    "put_bytes": lambda store, uri, _: store.put_bytes(b"x", uri),
    "put_bytes, not over": lambda store, uri, _: store.put_bytes(b"x", uri, overwrite=False),
    "check_writable": lambda store, uri, _: store.check_writable(uri),
}
OTHER: dict[str, Use] = {
    "names": lambda store, uri, _: store.names(uri),
    "delete": lambda store, uri, _: store.delete(uri),
}
USES = READING | WRITING | OTHER


@pytest.fixture(scope="module", autouse=True)
def _only_these_variables() -> Iterator[None]:
    """No variable of this machine leads to a proxy or a real cloud."""
    names = {name for row in SCHEMES.values() for name in row.variables}
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name in names or name.lower().endswith("_proxy"):
                patch.delenv(name)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(
    scope="module",
    params=[
        "gs",
        pytest.param("s3", marks=pytest.mark.slow),
        pytest.param("az", marks=pytest.mark.slow),
    ],
)
def cloud(request: pytest.FixtureRequest, _only_these_variables: None) -> Iterator[Cloud]:
    """An emulated cloud for all tests of this module."""
    if request.param == "az" and not clouds.AZURITE.exists():
        pytest.skip(clouds.NO_AZURITE)
    start = {"gs": clouds.gs, "s3": clouds.s3, "az": clouds.az}[request.param]
    with start() as running, running.in_use():
        yield running


@pytest.fixture
def place(cloud: Cloud, request: pytest.FixtureRequest) -> Uri:
    """A prefix in the bucket that no other test uses."""
    return Uri.parse(cloud.uri).child(request.node.name.replace("[", "-").replace("]", ""))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of 3 MB."""
    path = tmp_path / "file"
    path.write_bytes(os.urandom(3 << 20))
    return path


def store_of(uri: Uri, bounds: Bounds = HASTY) -> Store:
    """The store of a URI, which does not wait for long."""
    return store_for(uri, bounds)


def test_what_is_written_is_read_listed_and_deleted(place: Uri, file: Path, tmp_path: Path) -> None:
    """Bytes and files go in and come out; size and tag are told; names are relative and sorted."""
    store = store_of(place)
    store.put_bytes(b"from memory", place.child("b.txt"))
    store.put(file, place.child("a/deep.bin"))
    with store.open(place.child("b.txt")) as opened:
        assert opened.read() == b"from memory"
    store.get(place.child("a/deep.bin"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == file.read_bytes()
    info = store.info(place.child("b.txt"))
    assert info is not None
    assert info.size == len(b"from memory")
    assert info.etag
    assert store.names(place) == ["a/deep.bin", "b.txt"]
    assert store.names(place.child("a")) == ["deep.bin"]
    store.delete(place.child("b.txt"))
    store.delete(place.child("b.txt"))
    assert store.names(place) == ["a/deep.bin"]


def test_an_object_of_no_bytes_is_an_object(place: Uri) -> None:
    """Nothing is written and read as nothing."""
    store = store_of(place)
    store.put_bytes(b"", place.child("empty"))
    with store.open(place.child("empty")) as opened:
        assert opened.read() == b""


def test_a_prefix_is_not_a_beginning_of_a_name(place: Uri) -> None:
    """Listing `runs/1` does not show `runs/10/...`."""
    store = store_of(place)
    store.put_bytes(b"x", place.child("10/x"))
    assert store.names(place.child("1")) == []


def test_an_object_is_replaced_only_when_asked(place: Uri, file: Path) -> None:
    """With overwrite=False what is there stays, and the line says how to replace it."""
    store, uri = store_of(place), place.child("x")
    store.put_bytes(b"old", uri, overwrite=False)
    with pytest.raises(ExistsError, match="exists already") as refused:
        store.put_bytes(b"new", uri, overwrite=False)
    assert refused.value.exit_code == EXIT_INPUT
    with pytest.raises(ExistsError, match="exists already"):
        store.put(file, uri, overwrite=False)
    assert store.open(uri).read() == b"old"
    store.put_bytes(b"new", uri)
    assert store.open(uri).read() == b"new"


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_missing_bucket_is_named_with_how_to_make_it(cloud: Cloud, file: Path, use: Use) -> None:
    """Whatever is done, a missing bucket is told from a missing object."""
    scheme = Uri.parse(cloud.uri).scheme
    uri = Uri(scheme, "no-such-bucket", "a/b")
    with pytest.raises(MissingError) as missing:
        use(store_of(uri), uri, file)
    words = str(missing.value)
    assert words.startswith(f"{scheme}://no-such-bucket/a/b: there is no ")
    assert SCHEMES[scheme].create.format(bucket="no-such-bucket") in words
    assert missing.value.exit_code == EXIT_INPUT


def test_a_missing_object_is_named(place: Uri, tmp_path: Path) -> None:
    """Reading what is not there is an error, asking about it is not, nor is deleting it."""
    store, uri = store_of(place), place.child("none")
    assert store.info(uri) is None
    store.delete(uri)
    for read in (READING["open"], READING["get"]):
        with pytest.raises(MissingError, match="no such object") as missing:
            read(store, uri, tmp_path / "copy")
        assert str(uri) in str(missing.value)
    assert not (tmp_path / "copy").exists()


def test_a_missing_file_is_not_a_missing_object(place: Uri, tmp_path: Path) -> None:
    """Uploading a file that is not there names the file."""
    with pytest.raises(MissingError, match="no-file: no such file"):
        store_of(place).put(tmp_path / "no-file", place.child("x"))


def test_the_check_of_a_place_leaves_nothing(place: Uri) -> None:
    """Checking that results can be written leaves no object behind, and one left is not listed."""
    store = store_of(place)
    store.check_writable(place)
    assert store.info(place.child(CHECK_NAME)) is None
    store.put_bytes(b"", place.child(CHECK_NAME))
    store.check_writable(place)
    assert store.names(place) == []


@contextlib.contextmanager
def broken(cloud: Cloud, *, after_bytes: int, times: int, answers: bool = False) -> Iterator[Cuts]:
    """The cloud behind a proxy that cuts connections."""
    with (
        cutting(cloud.port, after_bytes=after_bytes, times=times, answers=answers) as cuts,
        cloud.through(cuts.port).in_use(),
    ):
        yield cuts


@pytest.mark.parametrize("size", [3 << 20, 3 * BLOCK_BYTES])
def test_an_upload_that_is_cut_once_succeeds(
    cloud: Cloud, place: Uri, tmp_path: Path, size: int
) -> None:
    """A connection cut in the middle of an upload, of one request or many, costs another try."""
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    with broken(cloud, after_bytes=size // 2, times=1) as cuts:
        store_of(place).put(path, place.child("x"))
        assert cuts.made == 1
    assert store_of(place).open(place.child("x")).read() == path.read_bytes()


def test_an_upload_that_is_always_cut_leaves_nothing(
    cloud: Cloud, place: Uri, tmp_path: Path
) -> None:
    """After all tries the service counts as unreachable, and no part of the object is there."""
    file = tmp_path / "file"
    file.write_bytes(os.urandom(3 * BLOCK_BYTES))
    with broken(cloud, after_bytes=300_000, times=-1) as cuts:
        with pytest.raises(UnreachableError) as failed:
            store_of(place).put(file, place.child("x"), overwrite=False)
        assert cuts.made >= HASTY.tries
    assert failed.value.retryable
    assert f"failed {HASTY.tries} times" in str(failed.value)
    assert store_of(place).info(place.child("x")) is None


def test_an_object_whose_answer_was_lost_is_not_in_its_own_way(cloud: Cloud, place: Uri) -> None:
    """The try after a lost answer finds the object there: it is our own, so writing succeeded."""
    data, uri = os.urandom(500_000), place.child("x")
    with broken(cloud, after_bytes=400_000, times=1, answers=True) as cuts:
        store_of(place).put_bytes(data, uri, overwrite=False)
        assert cuts.made == 1
    assert store_of(place).open(uri).read() == data


def test_a_download_that_is_cut_once_succeeds(cloud: Cloud, place: Uri) -> None:
    """A block whose connection was cut is read again."""
    data = os.urandom(1 << 20)
    store_of(place).put_bytes(data, place.child("x"))
    with broken(cloud, after_bytes=0, times=1):
        assert store_of(place).open(place.child("x")).read() == data


FAIL = """
import gc, sys
from pathlib import Path
from inferswarm.stores import Bounds, Uri, store_for
from inferswarm.stores.errors import UnreachableError
uri = Uri.parse(sys.argv[2])
bounds = Bounds(connect_s=2, silence_s=5, tries=2, pause_s=0.02)
try:
    store_for(uri, bounds).put(Path(sys.argv[1]), uri)
except UnreachableError:
    gc.collect()
    print("unreachable")
"""


def test_a_failed_upload_prints_nothing_by_itself(cloud: Cloud, place: Uri, tmp_path: Path) -> None:
    """The error is all that comes of a failure: no library writes tracebacks beside it."""
    path = tmp_path / "file"
    path.write_bytes(os.urandom(3 * BLOCK_BYTES))
    with broken(cloud, after_bytes=300_000, times=-1):
        ran = subprocess.run(
            [sys.executable, "-c", FAIL, str(path), str(place.child("x"))],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
    assert (ran.stdout, ran.stderr) == ("unreachable\n", "")


MEASURE = """
import resource, sys
from pathlib import Path
from inferswarm.stores import Uri, store_for
path, uri = Path(sys.argv[1]), Uri.parse(sys.argv[2])
store = store_for(uri)
def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
store.put_bytes(b"x" * 1000, uri)
store.open(uri).read()
before = most()
store.put(path, uri)
with store.open(uri) as there, path.open("rb") as here:
    while piece := there.read(1 << 16):
        assert piece == here.read(1 << 16)
    assert not here.read(1)
print(most() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in Linux's units")
def test_a_large_object_does_not_fill_the_memory(place: Uri, tmp_path: Path) -> None:
    """50 MB are sent and read whole with less than that much memory on top."""
    path = tmp_path / "large"
    path.write_bytes(os.urandom(LARGE_BYTES))
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), str(place.child("large"))],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert int(ran.stdout) * 1024 < LARGE_BYTES * 0.85


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> str:
    """Each kind of bucket, without an emulator."""
    return str(request.param)


@contextlib.contextmanager
def reaching(scheme: str, port: int) -> Iterator[Uri]:
    """A URI whose service is on this port."""
    with Cloud(clouds.environment(scheme, port), f"{scheme}://box", port).in_use():
        yield Uri(scheme, "box", "a/b")


def action_of(name: str) -> Action:
    """What a use does to an object, for its permission."""
    if name in READING:
        return Action.READ
    if name in OTHER:
        return {"names": Action.LIST, "delete": Action.DELETE}[name]
    return Action.REPLACE if name in ("put", "put_bytes") else Action.CREATE


def check_refusal(uri: Uri, action: Action, words: str) -> None:
    """A refusal has URI, identity, permission and remedy in it, and no secret."""
    assert words.startswith(f"{uri}: ")
    assert SCHEMES[uri.scheme].rights[action].permission in words
    assert SCHEMES[uri.scheme].log_in in words
    assert {"gs": "nobody", "s3": "...TEST", "az": "devstoreaccount1"}[uri.scheme] in words
    assert "AccountKey" not in words
    assert not any(value in words for name, value in os.environ.items() if "SECRET" in name)


def test_a_refusal_names_identity_and_permission(scheme: str, file: Path) -> None:
    """Whatever is refused, the line says what was asked as whom, what it takes, and what to do."""
    with answering_all(Answer(403)) as server, reaching(scheme, server.port) as uri:
        for name, use in USES.items():
            with pytest.raises(DeniedError) as denied:
                use(store_of(uri), uri, file)
            check_refusal(uri, action_of(name), str(denied.value))
            assert denied.value.exit_code == EXIT_TARGET


def test_an_identity_that_is_not_accepted_is_told_how_to_log_in(scheme: str) -> None:
    """A service that does not know who asks is another remedy than a missing right."""
    with answering_all(Answer(401)) as server, reaching(scheme, server.port) as uri:
        with pytest.raises(DeniedError, match="does not accept") as denied:
            store_of(uri).info(uri)
        check_refusal(uri, Action.READ, str(denied.value))


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_again_and_then_given_up(scheme: str, status: int) -> None:
    """Server errors are tried as often as the bounds say, no more often by libraries within."""
    with answering_all(Answer(status)) as server, reaching(scheme, server.port) as uri:
        with pytest.raises(UnreachableError, match="failed 3 times"):
            store_of(uri).info(uri)
        looks = [line for line in server.requests if "a/b" in line.replace("%2F", "/")]
        assert len(looks) == HASTY.tries


@pytest.mark.slow
def test_a_service_that_hangs_is_given_up(scheme: str, file: Path) -> None:
    """A service that accepts and never answers costs bounded time, for reading as for writing."""
    begun = time.monotonic()
    with answering(None) as server, reaching(scheme, server.port) as uri:
        for use in (READING["info"], WRITING["put"]):
            with pytest.raises(UnreachableError):
                use(store_of(uri, IMPATIENT), uri, file)
    assert time.monotonic() - begun < 60


def test_a_service_that_is_not_there_is_unreachable(scheme: str) -> None:
    """A port on which nobody listens is told as such, with the permission all the same."""
    with (
        reaching(scheme, free_port()) as uri,
        pytest.raises(UnreachableError, match="check network, proxies and endpoint"),
    ):
        store_of(uri).names(uri)


def test_a_service_that_makes_no_sense_is_an_error_of_ours(scheme: str) -> None:
    """An answer that nobody expects is one line too."""
    with (
        answering_all(Answer(400, b"what?")) as server,
        reaching(scheme, server.port) as uri,
        pytest.raises(StoreError) as odd,
    ):
        store_of(uri).info(uri)
    assert str(odd.value).startswith(f"{uri}: ")


def test_connections_are_kept_while_the_variables_are(scheme: str) -> None:
    """The same store is given until a variable leads elsewhere."""
    uri = Uri(scheme, "box", "x")
    with reaching(scheme, 1), reaching(scheme, 1):
        first = store_for(uri)
        assert store_for(uri) is first
    with reaching(scheme, 2):
        assert store_for(uri) is not first
