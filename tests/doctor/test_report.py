"""Facts about the whole report: all rules, in order, without secrets, with a command that fits."""

from inferswarm.config.sources import Given, resolve
from inferswarm.config.tree import RunConfig
from inferswarm.doctor.examine import Visit
from inferswarm.doctor.findings import Measure, Name, State, problem
from inferswarm.doctor.report import report
from inferswarm.doctor.seen import Looked, Reached
from inferswarm.exchange import Outcome
from tests.doctor.examples import GOOD, PLAIN, looked, status

HERE = Reached("http://h:1", ("127.0.0.1",), "127.0.0.1", 1_000_000)
CONFIG = resolve(RunConfig, [Given("target.url", "http://h:1", "test")])


def told(looked: Looked | None, *secrets: str) -> list[str]:
    """The names of what a report holds, and whether each is a problem."""
    found = report(Visit(HERE, looked), CONFIG, secrets)
    return [f"{one.name}{'!' * (one.state is State.PROBLEM)}" for one in found.findings]


def test_a_good_server_gets_a_report_of_all_rules_and_a_command() -> None:
    """In the order of the names, with exit code 0."""
    found = report(Visit(HERE, looked(GOOD, PLAIN)), CONFIG, ())
    names = [one.name for one in found.findings]

    assert names == sorted(names, key=[*Name, *Measure].index)
    assert {Name.REACHABLE, Name.STREAMED, Name.TOKENS, Name.TIMES} <= set(names)
    assert len(found.measures) == 5
    assert found.command.startswith("inferswarm run --target http://h:1 --backend vllm")
    assert (found.backend, found.api, found.model) == ("vllm", "completions", "m")
    assert found.exit_code == 0


def test_a_server_that_refuses_gets_no_command() -> None:
    """What failed is a problem, and the exit code says so."""
    found = report(Visit(HERE, looked(status(b"500 I", b"no"))), CONFIG, ())
    assert (found.command, found.measures, found.exit_code) == ("", [], 4)


def test_a_visit_that_was_stopped_says_why() -> None:
    """Nothing else is known then."""
    stopped = problem(Name.AUTH, "HTTP 401: the server wants a key")
    found = report(Visit(HERE, stopped=stopped), CONFIG, ())
    assert [one.name for one in found.findings] == [Name.REACHABLE, Name.AUTH]
    assert (found.exit_code, found.backend) == (4, "")


def test_a_server_that_is_not_reached_has_one_finding() -> None:
    """And exit code 4."""
    nowhere = Reached("http://h:1", trouble="cannot connect; check", failure=Outcome.CONNECT)
    found = report(Visit(nowhere), CONFIG, ())
    assert [one.name for one in found.findings] == [Name.REACHABLE]
    assert found.exit_code == 4


def test_what_a_server_echoes_of_secrets_is_hidden() -> None:
    """In every sentence."""
    echoing = looked(status(b"400 B", b"your key is hushhush"))
    found = report(Visit(HERE, echoing), CONFIG, ("hushhush",))
    sentences = " ".join(one.sentence for one in found.findings)
    assert "hushhush" not in sentences
    assert "your key is ***" in sentences


def test_a_visit_that_ran_out_of_time_is_a_problem() -> None:
    """Nobody shall believe that all was looked at."""
    assert "limit!" in told(looked(GOOD, out_of_time=True))
    assert "limit!" not in told(looked(GOOD))
