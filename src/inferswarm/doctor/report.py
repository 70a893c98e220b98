"""All rules together: what a visit found, as findings in order."""

from collections.abc import Sequence
from dataclasses import dataclass

from inferswarm.config.tree import RunConfig
from inferswarm.doctor import about_answers, about_asking, about_server, advice
from inferswarm.doctor.examine import Visit
from inferswarm.doctor.findings import (
    Finding,
    Name,
    exit_code,
    hidden,
    in_order,
    problem,
    without,
)
from inferswarm.doctor.seen import Looked, Purpose, Reached


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to say; `command` is empty where no run would succeed."""

    target: str
    backend: str
    api: str
    model: str
    findings: list[Finding]
    measures: list[Finding]
    command: str
    left_out: list[str]
    exit_code: int


def report(visit: Visit, config: RunConfig, secrets: Sequence[str]) -> Report:
    """The report of a visit, without secrets."""
    findings = [*_of_server(visit.reached), *([visit.stopped] if visit.stopped else [])]
    looked = visit.looked
    measures: list[Finding] = []
    words = ""
    left_out: list[str] = []
    if looked is not None:
        findings += _of_answers(looked, config)
        measures = advice.measures(looked, config)
        if looked.good(looked.asked):
            told, left_out = advice.command(advice.fitting(config, looked))
            words = without(advice.spelled(told), secrets)
    code = exit_code([*findings, *measures])
    return Report(
        config.target.url,
        looked.way.backend if looked else "",
        looked.way.api if looked else "",
        looked.model if looked else "",
        in_order(hidden(findings, secrets)),
        hidden(measures, secrets),
        words,
        left_out,
        code,
    )


def _of_server(reached: Reached) -> list[Finding]:
    found = (
        about_server.reachable(reached),
        about_server.proxy(reached),
        about_server.tls(reached),
    )
    return [one for one in found if one is not None]


def _of_answers(looked: Looked, config: RunConfig) -> list[Finding]:
    found: list[Finding | None] = [rule(looked) for rule in _RULES]
    found += [about_answers.mode(looked, one) for one in (Purpose.STREAMED, Purpose.WHOLE)]
    found.append(about_asking.length(looked, config.request))
    found.append(about_asking.keep_alive(looked, wanted=config.target.keep_alive))
    if looked.out_of_time:
        found.append(
            problem(Name.LIMIT, "the time was over before all was looked at", "give --limit more")
        )
    return [one for one in found if one is not None]


_RULES = (
    about_server.backend,
    about_server.auth,
    about_server.model,
    about_server.errors,
    about_answers.framing,
    about_answers.text,
    about_answers.echo,
    about_answers.reasoning,
    about_answers.finish,
    about_answers.tokens,
    about_answers.per_chunk,
    about_answers.timings,
    about_answers.cached,
    about_answers.times,
)
