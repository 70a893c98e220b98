"""Facts about URIs: what their parts are, what is refused, what is shown."""

from pathlib import Path

import pytest

from inferswarm.errors import InputError
from inferswarm.stores.uri import Uri


@pytest.mark.parametrize(
    ("text", "scheme", "bucket", "key"),
    [
        ("prompts.txt", "file", "", "prompts.txt"),
        ("/data/prompts.txt", "file", "", "/data/prompts.txt"),
        ("file:///data/prompts.txt", "file", "", "/data/prompts.txt"),
        ("gs://bucket/a/b.txt", "gs", "bucket", "a/b.txt"),
        ("GS://bucket/a", "gs", "bucket", "a"),
        ("s3://bucket", "s3", "bucket", ""),
        ("az://container/x/", "az", "container", "x/"),
        ("https://h.example:8443/a?b=c", "https", "h.example:8443", "a?b=c"),
    ],
)
def test_a_uri_falls_into_scheme_bucket_and_key(
    text: str, scheme: str, bucket: str, key: str
) -> None:
    """Each form of URI has the parts that the services know; text without a scheme is a path."""
    assert Uri.parse(text) == Uri(scheme, bucket, key)


@pytest.mark.parametrize("text", ["gs://bucket/a/b.txt", "/data/x", "https://h.example/a?b=c"])
def test_a_uri_reads_back_as_it_was_written(text: str) -> None:
    """The text of a URI leads to the same URI."""
    assert str(Uri.parse(text)) == text
    assert Uri.parse(str(Uri.parse(text))) == Uri.parse(text)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ftp://host/file", "gs://"),
        ("gs:///key", "gs:///key"),
        ("", "''"),
        ("file://relative", "file:///data"),
        ("gs:/x/y", "write gs://x/y, or ./gs:/x/y for a file"),
        ("S3:x", "write s3://x"),
        ("file:/data/x", "write file:///data/x"),
        ("https:/h.example/x", "write https://h.example/x"),
    ],
)
def test_what_is_no_place_is_refused_by_name(text: str, named: str) -> None:
    """An unknown scheme, a missing bucket and empty text are errors of the input that name it."""
    with pytest.raises(InputError, match=named):
        Uri.parse(text)


def test_a_password_in_a_url_is_refused_without_repeating_it() -> None:
    """A URL with a password would end up in reports, so it is refused and not printed."""
    with pytest.raises(InputError) as refused:
        Uri.parse("https://me:hunter2@h.example/data")
    assert "hunter2" not in str(refused.value)
    assert "h.example" in str(refused.value)


def test_the_query_of_a_web_url_is_not_shown() -> None:
    """A signed URL has its key in the query, so messages leave that out."""
    assert Uri.parse("https://h.example/a?X-Amz-Signature=s").shown == "https://h.example/a"
    assert Uri.parse("gs://bucket/what?").shown == "gs://bucket/what?"


@pytest.mark.parametrize(
    ("parent", "child"),
    [
        ("gs://b", "gs://b/run/x"),
        ("gs://b/runs", "gs://b/runs/run/x"),
        ("gs://b/runs/", "gs://b/runs/run/x"),
        ("runs", "runs/run/x"),
    ],
)
def test_a_child_lies_one_slash_below(parent: str, child: str) -> None:
    """A child's key follows its parent's after exactly one slash."""
    assert str(Uri.parse(parent).child("run/x")) == child


def test_the_name_is_the_last_part() -> None:
    """The name of an object is its key's last part, of a URL without the query."""
    assert Uri.parse("gs://b/a/prompts.txt").name == "prompts.txt"
    assert Uri.parse("https://h.example/a/p.csv?raw=1").name == "p.csv"
    assert Uri.parse("gs://b/runs/").name == "runs"


def test_only_a_local_uri_has_a_path() -> None:
    """A path on this machine is given for files, and never made up for buckets."""
    assert Uri.parse(Path("/data/x")).path == Path("/data/x")
    assert Uri.parse("/data/x").is_local
    with pytest.raises(ValueError, match="not on this machine"):
        _ = Uri.parse("s3://b/x").path


def test_a_path_object_is_a_path_whatever_it_looks_like() -> None:
    """Python leaves out the `./` that says so in a text."""
    assert Uri.parse("./gs:/x").path == Path("gs:/x") == Uri.parse(Path("gs:/x")).path


@pytest.mark.parametrize("text", ["gs://bucket", "s3://bucket/", "az://container"])
def test_a_bucket_is_no_object(text: str) -> None:
    """It is refused before anybody asks the network."""
    with pytest.raises(InputError, match=f"{text}.*: names no object; give one in it"):
        Uri.parse(text).object()


@pytest.mark.parametrize("text", ["gs://bucket/x", "x.txt", "https://h.example"])
def test_whatever_else_may_be_one(text: str) -> None:
    """The first page of a web server too."""
    assert Uri.parse(text).object() == Uri.parse(text)
