"""Facts about flags: derived from the options, and refused with the nearest name."""

import argparse
from pathlib import Path

import pytest

from inferswarm.cli.arguments import Parser, add_options, add_sources, configuration, help_of
from inferswarm.config.sources import options_of
from inferswarm.config.tree import RunConfig
from inferswarm.errors import InputError
from tests.builders import S

SECTIONS = ("target", "prompts", "request", "load", "arrivals", "goals", "output", "telemetry")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of whoever runs the tests do not reach them."""
    for option in options_of(RunConfig):
        monkeypatch.delenv(option.environment, raising=False)


def parser(sections: tuple[str, ...] = SECTIONS) -> Parser:
    """A parser with every flag of these sections."""
    made = Parser(prog="try")
    add_options(made, RunConfig, sections)
    add_sources(made)
    return made


def parsed(*arguments: str, sections: tuple[str, ...] = SECTIONS) -> RunConfig:
    """The configuration that these arguments give."""
    return configuration(RunConfig, parser(sections).parse_args(arguments))


def test_every_flag_sets_its_option() -> None:
    """A flag that is declared is understood, whatever its type."""
    values = {
        "target.url": "h:1", "target.api": "chat", "target.stream": None, "load.duration": "5s",
        "load.spawn_rate": "3/s", "target.insecure": None, "request.ignore_eos": None,
        "request.use_beam_search": None, "target.keep_alive": None,
        "prompts.salt": None, "prompts.token_ids": None, "output.keep_answers": None,
        "prompts.conversations": "answers", "output.exports": "csv",
        "load.bind": "h:1", "load.remote_workers": "0",
        "arrivals.rate": "5/s", "arrivals.process": "poisson", "arrivals.stages": "5/s 9s",
        "simulator.ttft": "1ms", "simulator.itl": "1ms", "simulator.backend": "tgi",
        "simulator.prefix_cache": None, "simulator.ttft_per_token": "1ms",
        "prompts.max_tokens": "9", "telemetry.poll": "off", "telemetry.serve_metrics": "off",
        "telemetry.prometheus_url": "http://h", "telemetry.otlp": "env",
    }  # fmt: skip
    for option in options_of(RunConfig):
        if option.flag:
            value = values.get(option.key, "1")
            # `run` has the flags of the target, `simulate` those of the simulator.
            sections = ("simulator",) if option.key.startswith("simulator.") else SECTIONS
            given = [option.flag, *([value] if value else [])]
            wanted = [value] if option.is_list else value or True
            assert vars(parser(sections).parse_args(given))[option.key] == wanted, option.key
            made = option.key in (
                "prompts.input_tokens",
                "prompts.output_tokens",
                "prompts.token_ids",
            )
            source = ("--prompts", "synthetic", "--tokenizer", "t") if made else ()
            parsed(*given, *source, sections=sections)


def test_flags_are_shown_with_sentence_unit_and_default() -> None:
    """Help tells everything about an option."""
    text = " ".join(parser().format_help().split())
    assert (
        "--max-output-tokens MAX_OUTPUT_TOKENS Upper bound of an answer's length. [tokens] " in text
    )
    assert "(default: 128)" in text
    assert "--stream, --no-stream" in text


def test_flags_of_lists_may_be_repeated() -> None:
    """Each adds its texts."""
    config = parsed(
        "--slo", "ttft.p95<1s", "--goodput", "ttft<1s", "--slo", "e2e.p50<1s,tpot.p50<1s"
    )
    assert config.goals.slo == ("ttft.p95<1s", "e2e.p50<1s", "tpot.p50<1s")
    assert config.goals.goodput == ("ttft<1s",)
    assert "May be given several times." in " ".join(parser().format_help().split())


def test_percent_signs_do_not_break_help() -> None:
    """Argparse would take them for a format."""
    for option in options_of(RunConfig):
        assert help_of(option) % {}


def test_flags_beat_variables_and_set_beats_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, environment, flags, --set: each beats the ones before it."""
    file = tmp_path / "run.yaml"
    file.write_text("load: {users: 2, workers: 2, requests: 2, give_up_after: 2}")
    for name in ("USERS", "WORKERS", "REQUESTS"):
        monkeypatch.setenv(f"INFERSWARM_LOAD_{name}", "3")
    load = parsed(
        "--config", str(file), "--users", "4", "--workers", "4", "--set", "load.users=5"
    ).load  # fmt: skip
    assert (load.users, load.workers, load.requests, load.give_up_after) == (5, 4, 3, 2)


def test_switches_can_be_turned_off() -> None:
    """`--no-stream` is the opposite of `--stream`, and without either the default holds."""
    assert parsed("--no-stream").target.stream is False
    assert parsed("--stream").target.stream is True
    assert parsed().target.stream is True
    assert parsed("--duration", "90").load.duration == 90 * S


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--usres", "4"], "did you mean --users?"),
        (["--duratoin=4"], "did you mean --duration?"),
        (["--zzz"], "unrecognized arguments: --zzz; see try --help"),
        (["--users"], "expected one argument"),
        (["left-over"], "unrecognized arguments: ***"),
    ],
)
def test_a_wrong_flag_is_refused_with_the_nearest(arguments: list[str], words: str) -> None:
    """In one line that points to the help."""
    with pytest.raises(InputError) as refused:
        parser().parse_args(arguments)
    assert words in str(refused.value)
    assert str(refused.value).endswith("see try --help")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--users", "many"], "--users: load.users was given 'many'"),
        (["--spawn-rate", "fast"], "--spawn-rate: load.spawn_rate was given 'fast'"),
        (["--set", "load.usres=3"], "--set: unknown option load.usres"),
        (["--config", "none.yaml"], "configuration file none.yaml"),
    ],
)
def test_a_wrong_value_names_its_flag(arguments: list[str], words: str) -> None:
    """The origin in a refusal is what was typed."""
    with pytest.raises(InputError) as refused:
        parsed(*arguments)
    assert words in str(refused.value)


def test_only_the_sections_asked_for_have_flags() -> None:
    """Another command does not show the options of a run."""
    made = Parser(prog="try")
    add_options(made, RunConfig, ("load",))
    assert "--users" in made.format_help()
    assert "--target" not in made.format_help()
    assert isinstance(made, argparse.ArgumentParser)
