"""Facts about findings: what the shell sees of them, their order, and what they hide."""

import pytest

from inferswarm.doctor.findings import (
    Finding,
    Measure,
    Name,
    exit_code,
    hidden,
    in_order,
    note,
    ok,
    problem,
)


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([], 0),
        ([ok(Name.MODEL, "m"), note(Name.LENGTH, "n")], 0),
        ([problem(Measure.ITL, "p")], 1),
        ([problem(Name.FRAMING, "p")], 1),
        ([problem(Name.LENGTH, "p"), ok(Name.REACHABLE, "o")], 1),
        ([problem(Name.REACHABLE, "p")], 4),
        ([problem(Name.AUTH, "p"), problem(Measure.ITL, "p")], 4),
        ([problem(Name.STREAMED, "p")], 4),
    ],
)
def test_the_exit_code_follows_from_the_problems(findings: list[Finding], code: int) -> None:
    """No problem is 0, one with the target 4, any other 1."""
    assert exit_code(findings) == code


def test_findings_are_shown_in_the_order_of_their_names() -> None:
    """However the rules came by them."""
    found = in_order([ok(Measure.E2E, ""), ok(Name.TIMES, ""), ok(Name.REACHABLE, "")])
    assert [one.name for one in found] == [Name.REACHABLE, Name.TIMES, Measure.E2E]


def test_secrets_are_hidden_in_sentences_and_remedies() -> None:
    """Whatever a server echoes of them."""
    (found,) = hidden([problem(Name.AUTH, "no hushhush here", "drop hushhush")], ["hushhush"])
    assert (found.sentence, found.remedy) == ("no *** here", "drop ***")
