"""Facts about the sentences of failures: what each names, and what none may contain."""

import pytest

from inferswarm.stores import failures
from inferswarm.stores.errors import (
    DeniedError,
    ExistsError,
    StoreError,
    UnreachableError,
)
from inferswarm.stores.failures import NO_ANSWER, Attempt
from inferswarm.stores.table import SCHEMES, Action
from inferswarm.stores.uri import Uri


def attempt(scheme: str = "gs", action: Action = Action.READ) -> Attempt:
    """Somebody's attempt at an object."""
    return Attempt(SCHEMES[scheme], Uri(scheme, "box", "a/b"), action, "me@project")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("status", [401, 403, 409, 412, NO_ANSWER, 429, 503, 400, None])
def test_every_failure_names_uri_identity_and_permission(
    scheme: str, action: Action, status: int | None
) -> None:
    """Whatever a service answers, one line says what was asked, as whom, and what it takes."""
    error = failures.failure(attempt(scheme, action), status, ValueError("why"), 3)
    words = str(error)
    assert f"{scheme}://box/a/b" in words
    assert "me@project" in words
    assert SCHEMES[scheme].rights[action].permission.split()[0] in words
    assert "\n" not in words


@pytest.mark.parametrize("scheme", SCHEMES)
def test_missing_bucket_and_missing_object_read_differently(scheme: str) -> None:
    """Only a missing bucket comes with the command that makes one."""
    bucket = str(failures.bucket_missing(attempt(scheme)))
    thing = str(failures.object_missing(attempt(scheme)))
    word = SCHEMES[scheme].bucket_word
    assert f"there is no {word} box" in bucket
    assert SCHEMES[scheme].create.format(bucket="box") in bucket
    assert f"no such object in {word} box" in thing
    for words in (bucket, thing):
        assert "me@project" in words
        assert SCHEMES[scheme].rights[Action.READ].permission in words


@pytest.mark.parametrize(
    ("status", "action", "kind"),
    [
        (401, Action.READ, DeniedError),
        (403, Action.READ, DeniedError),
        (412, Action.CREATE, ExistsError),
        (409, Action.CREATE, ExistsError),
        (412, Action.REPLACE, StoreError),
        (NO_ANSWER, Action.READ, UnreachableError),
        (408, Action.READ, UnreachableError),
        (500, Action.READ, UnreachableError),
        (400, Action.READ, StoreError),
        (None, Action.READ, StoreError),
    ],
)
def test_a_status_decides_the_kind_of_error(
    status: int | None, action: Action, kind: type[StoreError]
) -> None:
    """Refused, in the way, not answering and broken are four kinds of error."""
    assert type(failures.failure(attempt(action=action), status, ValueError(), 1)) is kind


def test_only_what_may_pass_is_tried_again() -> None:
    """Silence, throttling and server errors may pass; refusals and unknown errors do not."""
    passing = (0, 408, 425, 429, 500, 502, 503, 504, 599)
    assert all(failures.is_passing(status) for status in passing)
    assert not any(failures.is_passing(status) for status in (None, 400, 401, 403, 404, 409, 412))


def test_a_refused_read_of_s3_may_mean_a_missing_object() -> None:
    """S3 hides missing objects from those who may not list, and the message says so."""
    assert "s3:ListBucket" in str(failures.failure(attempt("s3"), 403, OSError(), 1))
    writing = attempt("s3", Action.CREATE)
    assert "s3:ListBucket" not in str(failures.failure(writing, 403, OSError(), 1))


def test_secrets_in_a_librarys_words_are_left_out() -> None:
    """Signatures and keys in URLs or connection strings are cut from details, and lines joined."""
    words = failures.detail(
        OSError("GET https://h/x?sig=abc%2B&se=1\nAccountKey=Zm9v; X-Amz-Signature=123")
    )
    assert "abc" not in words
    assert "Zm9v" not in words
    assert "123" not in words
    assert words.startswith("OSError: GET https://h/x?sig=...&se=1 ")


def test_details_are_cut_short() -> None:
    """A service's page of HTML does not become a page of ours, and an empty error has its name."""
    assert len(failures.detail(OSError("x" * 10_000))) < 300
    assert failures.detail(TimeoutError()) == "TimeoutError"
