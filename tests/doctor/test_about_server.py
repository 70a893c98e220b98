"""Facts about what is said of a server: reached, secured, recognised, named, and its refusals."""

from dataclasses import replace

import pytest

from inferswarm.clock import now_ns
from inferswarm.doctor.about_server import (
    auth,
    backend,
    deaf,
    errors,
    model,
    proxy,
    reachable,
    refused,
    tls,
)
from inferswarm.doctor.certificate import Tls
from inferswarm.doctor.findings import Name, State
from inferswarm.doctor.seen import Choice, Listing, Purpose, Reached, Seen
from inferswarm.exchange import Outcome
from tests.doctor.examples import GOOD, answered, looked, status, whole

URL = "http://h:1"
HERE = Reached(URL, ("127.0.0.1", "::1"), "127.0.0.1", 1_500_000)
DAY_S = 86_400


def soon(days: int) -> int:
    """Unix time, a few days and an hour ahead."""
    return now_ns() // 10**9 + days * DAY_S + 3600


def test_a_connection_is_told_with_addresses_and_time() -> None:
    """Where it went, how fast, and what else the name stands for."""
    found = reachable(HERE)
    assert found.state is State.OK
    assert "at 127.0.0.1 in 1.50 ms; the name also stands for ::1" in found.sentence


@pytest.mark.parametrize(
    ("failure", "by", "name"),
    [
        (Outcome.CONNECT, "", Name.REACHABLE),
        (Outcome.TIMEOUT_CONNECT, "", Name.REACHABLE),
        (Outcome.TLS, "", Name.TLS),
        (Outcome.CONNECT, "p:8080", Name.PROXY),
    ],
)
def test_no_connection_is_a_problem_of_what_failed(failure: Outcome, by: str, name: Name) -> None:
    """The sentence and its remedy are told apart."""
    found = reachable(Reached(URL, proxy=by, trouble="cannot connect; do this", failure=failure))
    assert (found.name, found.state) == (name, State.PROBLEM)
    assert (found.sentence, found.remedy) == ("cannot connect", "do this")


def test_a_proxy_on_the_way_is_a_note() -> None:
    """It is in all that is measured; without one nothing is said."""
    found = proxy(replace(HERE, proxy="p:8080"))
    assert found is not None
    assert found.state is State.NOTE
    assert proxy(HERE) is None


@pytest.mark.parametrize(
    ("found", "state", "says"),
    [
        (Tls("TLSv1.3", "h", soon(90)), State.OK, "certificate of h, expires in 90 days; verified"),
        (Tls("TLSv1.3", "h", soon(3)), State.NOTE, "expires in 3 days"),
        (
            Tls("TLSv1.2", "h", soon(90), verified=False, doubt="self-signed"),
            State.NOTE,
            "not verified: self-signed",
        ),
        (Tls("TLSv1.2", verified=False), State.NOTE, "nobody named"),
    ],
)
def test_certificates_are_told(found: Tls, state: State, says: str) -> None:
    """Version, whose, how long, and whether verified."""
    told = tls(replace(HERE, tls=found, tls_ns=2_000_000))
    assert told is not None
    assert told.state is state
    assert says in told.sentence
    assert found.version in told.sentence
    assert tls(HERE) is None


@pytest.mark.parametrize(
    ("code", "key_given", "says"),
    [
        (401, False, "wants a key"),
        (401, True, "does not accept the key"),
        (403, True, "does not accept the key"),
        (407, False, "proxy"),
    ],
)
def test_a_status_about_keys_is_a_problem(code: int, *, key_given: bool, says: str) -> None:
    """With a remedy that fits whether a key was sent."""
    found = refused(code, key_given=key_given)
    assert found is not None
    assert (found.name, found.state) == (Name.AUTH, State.PROBLEM)
    assert says in found.sentence
    assert found.remedy
    assert refused(404, key_given=key_given) is None


@pytest.mark.parametrize(
    ("data", "failure", "says"),
    [
        (b"", Outcome.TIMEOUT_FIRST_BYTE, "keeps silent"),
        (b"HTTP/1.1 2", Outcome.TIMEOUT_TOTAL, "end of its answer"),
        (b"SSH-2.0-x\r\n", None, "does not speak HTTP: sends b'SSH-2.0-x"),
        (b"", Outcome.TRUNCATED, "does not speak HTTP: detail"),
        (b"HTTP/1.1 401 U\r\nContent-Length: 0\r\n\r\n", None, "wants a key"),
        (b"HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n", None, ""),
    ],
)
def test_answers_after_which_asking_is_no_use(
    data: bytes, failure: Outcome | None, says: str
) -> None:
    """Silence, other protocols and missing keys; not a route that is not there."""
    found = deaf(answered([data] if data else [], failure=failure).exchange, key_given=False)
    assert (found is None) == (says == "")
    assert says in (found.sentence if found else "")


def test_a_backend_that_was_found_is_told_with_its_reasons() -> None:
    """And what else is likely; what was tried in vain makes it a note."""
    choices = (
        Choice("vllm", "completions", 9, ("because",)),
        Choice("vllm", "chat", 8, ("r",)),
        Choice("vllm", "generate", 2, ("r",)),
    )
    found = backend(looked(GOOD, choices=choices))
    assert found is not None
    assert found.state is State.OK
    assert found.sentence == "looks like vllm completions: because; also possible: vllm chat"
    tried = backend(looked(GOOD, choices=choices, rejected=("vllm chat: HTTP 404",)))
    assert tried is not None
    assert tried.state is State.NOTE
    assert "in vain: vllm chat: HTTP 404" in tried.sentence
    assert backend(looked(GOOD)) is None


def test_a_backend_of_which_nothing_succeeded_is_a_problem() -> None:
    """The guess is not sold as knowledge."""
    choices = (Choice("vllm", "completions", 9, ("because",)),)
    found = backend(looked(status(b"404 Not Found", b"{}"), choices=choices))
    assert found is not None
    assert found.state is State.PROBLEM


def test_keys_are_told_only_when_something_succeeded() -> None:
    """Accepted, or not asked for."""
    assert auth(looked()) is None
    with_key, without = auth(looked(GOOD, key_given=True)), auth(looked(GOOD))
    assert with_key is not None
    assert without is not None
    assert ("accepted" in with_key.sentence, "no key" in without.sentence) == (True, True)


@pytest.mark.parametrize(
    ("given", "names", "trouble", "state", "says"),
    [
        (False, ("m",), "", State.OK, "m, the one that the server tells"),
        (False, ("m", "b"), "", State.OK, "m, the first that the server tells; the server lists"),
        (True, ("m",), "", State.OK, "m, as given"),
        (True, ("a", "b"), "", State.NOTE, "m, as given, is not listed; the server lists a, b"),
        (True, (), "HTTP 404", State.OK, "no list: HTTP 404"),
    ],
)
def test_the_model_is_told_with_its_origin(
    *, given: bool, names: tuple[str, ...], trouble: str, state: State, says: str
) -> None:
    """Given, listed, or both."""
    listing = Listing("/v1/models", 200, names, trouble)
    found = model(looked(GOOD, model_given=given, listing=listing))
    assert found.state is state
    assert says in found.sentence


def test_formats_without_a_model_and_usual_names_are_told() -> None:
    """Not every format names one."""
    nameless = model(looked(GOOD, model=""))
    usual = model(looked(GOOD, way=("tensorrt_llm_triton", "generate"), model="ensemble"))
    assert "name none" in nameless.sentence
    assert "usual name" in usual.sentence


@pytest.mark.parametrize(
    ("answer", "state", "says"),
    [
        (
            status(b"404 N", b'{"error":{"message":"gone"}}', Purpose.WRONG, trick="an x"),
            State.OK,
            "an x is answered with HTTP 404 and a message: 'gone'",
        ),
        (status(b"500 I", b"<p>", Purpose.WRONG), State.OK, "without a message"),
        (whole(b'{"error":"no"}', Purpose.WRONG), State.OK, "inside of HTTP 200: 'no'"),
        (whole(b"<p>", Purpose.WRONG), State.NOTE, "bad_frame"),
        (whole(b'{"choices":[{"text":"a"}]}', Purpose.WRONG), State.NOTE, "nothing were wrong"),
    ],
)
def test_the_form_of_errors_is_told(answer: Seen, state: State, says: str) -> None:
    """By status, inside an answer, in no known form, or not at all."""
    found = errors(looked(GOOD, answer))
    assert found is not None
    assert found.state is state
    assert says in found.sentence
    assert errors(looked(GOOD)) is None
