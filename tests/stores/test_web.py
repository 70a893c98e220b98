"""Facts about reading the web: whole, resumed, refused, never written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from inferswarm.errors import EXIT_INPUT
from inferswarm.stores import Bounds, Uri, store_for
from inferswarm.stores.errors import (
    DeniedError,
    MissingError,
    ReadOnlyError,
    StoreError,
    UnreachableError,
)
from tests.servers import answering, free_port
from tests.stores.cutting import Answer, Asked, answering_all

HASTY = Bounds(connect_s=2, silence_s=0.3, tries=3, pause_s=0.01)
DATA = bytes(range(256)) * 1024


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback is asked directly."""
    monkeypatch.setenv("no_proxy", "*")


def url(server: Asked | int, path: str = "p.txt") -> Uri:
    """The URI of a page of a server on loopback."""
    port = server if isinstance(server, int) else server.port
    return Uri.parse(f"http://127.0.0.1:{port}/{path}")


def read(uri: Uri) -> bytes:
    """All of it."""
    with store_for(uri, HASTY).open(uri) as file:
        return file.read()


def test_a_page_is_read_and_downloaded(tmp_path: Path) -> None:
    """The bytes come as the server has them; size and tag are known without reading."""
    with answering_all(Answer(200, DATA, (("ETag", '"abc"'),))) as server:
        assert read(url(server)) == DATA
        store = store_for(url(server), HASTY)
        store.get(url(server), tmp_path / "copy")
        info = store.info(url(server))
    assert (tmp_path / "copy").read_bytes() == DATA
    assert info is not None
    assert (info.size, info.etag) == (len(DATA), "abc")


def test_a_broken_connection_is_taken_up_where_it_broke() -> None:
    """What is missing is asked for as a range, and nothing comes twice."""
    half = len(DATA) // 2
    short = Answer(200, DATA[:half], (("Content-Length", str(len(DATA))),))
    with answering_all(short, Answer(206, DATA[half:])) as server:
        assert read(url(server)) == DATA
        assert [line.split()[-1] for line in server.requests[1:]] == [f"bytes={half}-"]


def test_a_page_that_cannot_be_resumed_is_unreachable() -> None:
    """A server that knows no ranges would send the start again: that is an error, not data."""
    short = Answer(200, DATA[:1000], (("Content-Length", str(len(DATA))),))
    with (
        answering_all(short) as server,
        pytest.raises(UnreachableError, match="cut after 1000 of"),
    ):
        read(url(server))


@pytest.mark.parametrize(
    ("status", "kind", "named"),
    [
        (404, MissingError, "404"),
        (401, DeniedError, "without credentials"),
        (403, DeniedError, "403"),
        (400, StoreError, "400"),
        (503, UnreachableError, "failed 3 times"),
    ],
)
def test_an_answer_that_is_no_page_is_an_error(
    status: int, kind: type[StoreError], named: str
) -> None:
    """Missing, refused and broken are told apart, and the line names the URL without its query."""
    with answering_all(Answer(status)) as server:
        with pytest.raises(StoreError) as raised:
            read(url(server, "p.txt?sig=secret"))
        assert len(server.requests) == (HASTY.tries if status == 503 else 1)
    assert type(raised.value) is kind
    assert named in str(raised.value)
    assert f"http://127.0.0.1:{server.port}/p.txt: " in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_missing_page_has_no_information() -> None:
    """Asking about a page that is not there is no error."""
    with answering_all(Answer(404)) as server:
        assert store_for(url(server)).info(url(server)) is None


def test_a_server_that_was_busy_is_asked_again() -> None:
    """A page that comes at the second try is a page."""
    with answering_all(Answer(503), Answer(200, DATA)) as server:
        assert read(url(server)) == DATA


def test_silence_and_nobody_are_unreachable() -> None:
    """A server that never answers, and a port on which nobody listens, end within bounds."""
    with answering(None) as server, pytest.raises(UnreachableError, match=r"[Tt]imed? ?out"):
        read(url(server.port))
    with pytest.raises(UnreachableError, match="refused"):
        read(url(free_port()))


def test_a_url_that_is_none_is_an_error_that_names_it() -> None:
    """What cannot be asked for is no crash, and is not tried again."""
    with pytest.raises(StoreError, match="a b: not a URL") as raised:
        read(url(free_port(), "a b"))
    assert not raised.value.retryable


@pytest.mark.parametrize(
    "use",
    [
        lambda store, uri: store.names(uri),
        lambda store, uri: store.put(Path("x"), uri),
        lambda store, uri: store.put_bytes(b"", uri),
        lambda store, uri: store.delete(uri),
        lambda store, uri: store.check_writable(uri),
    ],
)
def test_the_web_is_only_read(use: Callable[[object, Uri], object]) -> None:
    """Writing and listing are refused before anything is sent, with what can be written to."""
    uri = Uri.parse("https://h.invalid/runs")
    with pytest.raises(ReadOnlyError, match="gs://, s3://, az://") as refused:
        use(store_for(uri), uri)
    assert refused.value.exit_code == EXIT_INPUT
