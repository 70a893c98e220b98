"""Facts about who may ask the service."""

from pathlib import Path

import pytest

from inferswarm.errors import InputError
from inferswarm.service.access import Gate, Pace, Role, Tokens

READER, RUNNER = "reader-token-0123456789", "runner-token-0123456789"
TOKENS = Tokens.read(None, {"INFERSWARM_READ_TOKEN": READER, "INFERSWARM_RUN_TOKEN": RUNNER})
HERE = {"host": "127.0.0.1:8000"}


@pytest.mark.parametrize(
    ("headers", "needed", "status"),
    [
        (HERE, Role.RUN, 0),
        ({"host": "localhost:8000"}, Role.RUN, 0),
        ({"host": "[::1]:8000"}, Role.RUN, 0),
        ({"host": "rebound.example:8000"}, Role.READ, 403),
        ({"host": "[bad"}, Role.READ, 403),
        ({}, Role.READ, 403),
        (HERE | {"origin": "http://127.0.0.1:8000"}, Role.RUN, 0),
        (HERE | {"origin": "http://127.0.0.1:9000"}, Role.READ, 403),
        (HERE | {"origin": "null"}, Role.READ, 403),
        (HERE | {"sec-fetch-site": "cross-site"}, Role.RUN, 403),
        (HERE | {"sec-fetch-site": "cross-site"}, Role.READ, 0),
        (HERE | {"sec-fetch-site": "none"}, Role.RUN, 0),
        (HERE | {"referer": "http://evil.example/127.0.0.1:8000"}, Role.RUN, 403),
        (HERE | {"referer": "http://127.0.0.1:8000/"}, Role.RUN, 0),
    ],
)
def test_on_loopback_everybody_of_this_machine_may(
    headers: dict[str, str], needed: Role, status: int
) -> None:
    """But no page of another site, by whatever way it comes."""
    assert Gate("127.0.0.1").refusal(headers, needed)[0] == status


@pytest.mark.parametrize(
    ("given", "needed", "status"),
    [
        ("", Role.NOBODY, 0),
        ("", Role.READ, 401),
        (f"Bearer {READER}", Role.READ, 0),
        (f"bearer {READER}", Role.READ, 0),
        (f"Bearer {READER}", Role.RUN, 403),
        (f"Bearer {RUNNER}", Role.RUN, 0),
        (f"Bearer {RUNNER}x", Role.RUN, 401),
        (RUNNER, Role.RUN, 401),
        ("Bearer \udcff", Role.READ, 401),
    ],
)
def test_elsewhere_a_token_decides(given: str, needed: Role, status: int) -> None:
    """Each allows what its role says, and no other is let in."""
    headers = {"host": "runner.example", **({"authorization": given} if given else {})}
    assert Gate("0.0.0.0", TOKENS).refusal(headers, needed)[0] == status


def test_tokens_count_on_loopback_too_when_there_are_any() -> None:
    """Whoever set one wants it asked for; a cookie of our own page serves as well."""
    gate = Gate("127.0.0.1", TOKENS)
    assert gate.refusal(HERE, Role.READ)[0] == 401
    assert gate.refusal(HERE, Role.RUN, cookie=RUNNER)[0] == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "runner.example"])
def test_nothing_is_open_to_a_network_without_a_token(host: str) -> None:
    """It is refused before anything listens."""
    with pytest.raises(InputError, match=f"--host {host} can be reached from elsewhere"):
        Gate(host)


def test_tokens_are_read_from_a_file(tmp_path: Path) -> None:
    """A role and a token a line; comments and empty lines are skipped."""
    file = tmp_path / "tokens"
    file.write_text(f"# of the team\n\nread {READER}\nrun {RUNNER}\n")
    tokens = Tokens.read(file, {})
    assert [tokens.role_of(token) for token in (READER, RUNNER, "x")] == [
        Role.READ,
        Role.RUN,
        Role.NOBODY,
    ]


@pytest.mark.parametrize("line", ["admin abcdefghijklmnopqrst", "run short", "run", "run a b c"])
def test_a_line_that_is_none_is_refused_without_the_token(tmp_path: Path, line: str) -> None:
    """The refusal names the line and never shows what may be a secret."""
    file = tmp_path / "tokens"
    file.write_text(f"\n{line}\n")
    with pytest.raises(InputError, match=f"{file}: line 2") as refused:
        Tokens.read(file, {})
    assert "abcdefghij" not in str(refused.value)


def test_who_asks_too_often_must_wait() -> None:
    """After the burst; each address by itself."""
    pace = Pace(rate_per_s=0.001, burst=3)
    assert [pace.wait_s("a") > 0 for _ in range(5)] == [False, False, False, True, True]
    assert pace.wait_s("b") == 0
    assert 900 < pace.wait_s("a") <= 1_000


def test_addresses_are_forgotten_when_there_are_many() -> None:
    """So that nobody fills the memory with them."""
    pace = Pace(1, 1)
    for number in range(Pace.MOST_ADDRESSES + 50):
        pace.wait_s(str(number))
    assert len(pace._left) == Pace.MOST_ADDRESSES
