"""Facts about where values come from, which wins, and how wrong ones are refused."""

from pathlib import Path

import pytest
import yaml

from inferswarm.config.sources import (
    Given,
    from_environment,
    from_file,
    from_set,
    masked,
    options_of,
    resolve,
)
from inferswarm.config.tree import ALIASES, ENVIRONMENT_ALIASES, RunConfig, SimulateConfig
from inferswarm.errors import InputError
from tests.builders import S


def file(tmp_path: Path, text: str, name: str = "run.yaml") -> Path:
    """A configuration file with this text."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def resolved(*givens: list[Given]) -> RunConfig:
    """What values of these sources, in this order, resolve to."""
    return resolve(RunConfig, [one for source in givens for one in source])


def refusal(*givens: Given) -> str:
    """Why these values are refused."""
    with pytest.raises(InputError) as refused:
        resolve(RunConfig, list(givens))
    return str(refused.value)


def from_variables(**variables: str) -> list[Given]:
    """Values of these environment variables."""
    return from_environment(RunConfig, variables)


def test_later_sources_win(tmp_path: Path) -> None:
    """Defaults, file, environment, flags and --set: each beats the ones before it."""
    sources = [
        from_file(file(tmp_path, "load: {users: 2}")),
        from_variables(INFERSWARM_LOAD_USERS="3"),
        [Given("load.users", "4", "--users")],
        from_set(["load.users=5"]),
    ]
    assert [resolved(*sources[:count]).load.users for count in range(5)] == [1, 2, 3, 4, 5]


def test_sources_add_up(tmp_path: Path) -> None:
    """A source changes only what it names."""
    config = resolved(
        from_file(file(tmp_path, "load: {users: 2}\ntimeouts: {idle: 5s}")),
        from_set(["load.requests=9", "target.headers.x-team=search"]),
    )
    assert (config.load.users, config.load.requests, config.timeouts.idle) == (2, 9, 5 * S)
    assert config.target.headers == {"x-team": "search"}


YAML = """
target:
  url: h:1
  headers: {x-a: b}
request:
  extra_body: {seed: 4, logit_bias: {"7": 1}}
  temperature: null
load: {duration: 1h30m, spawn_rate: 600/min}
"""
TOML = """
[target]
url = "h:1"
headers = {x-a = "b"}
[request]
extra_body = {seed = 4, logit_bias = {7 = 1}}
[load]
duration = "1h30m"
spawn_rate = "600/min"
"""


def test_yaml_and_toml_say_the_same(tmp_path: Path) -> None:
    """Both forms of a file resolve to one configuration."""
    config = resolved(from_file(file(tmp_path, YAML)))
    assert config == resolved(from_file(file(tmp_path, TOML, "run.toml")))
    assert config.target.url == "http://h:1"
    assert config.request.extra_body == {"seed": 4, "logit_bias": {"7": 1}}
    assert config.load.duration == 5_400 * S
    assert float(config.load.spawn_rate) == 10


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_file_is_the_defaults(tmp_path: Path, text: str) -> None:
    """Nothing given is nothing changed."""
    assert resolved(from_file(file(tmp_path, text))) == RunConfig()


def test_names_with_dots_stay_whole(tmp_path: Path) -> None:
    """Inside a mapping of free names a dot is part of the name."""
    text = "target: {headers: {x.team: a}}\nrequest: {extra_body: {guided.regex: b}}"
    config = resolved(from_file(file(tmp_path, text)))
    assert config.target.headers == {"x.team": "a"}
    assert config.request.extra_body == {"guided.regex": "b"}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.yaml", "load: [", "not valid YAML"),
        ("a.toml", "load = ", "not valid TOML at end of document"),
        ("a.yaml", "- load", "must be a mapping"),
        ("a.yaml", "load", "must be a mapping"),
        ("a.yaml", "a: \x00", "not valid"),
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path: Path, name: str, text: str, words: str) -> None:
    """The refusal names the file and what is wrong, in one line."""
    with pytest.raises(InputError) as refused:
        from_file(file(tmp_path, text, name))
    assert str(tmp_path / name) in str(refused.value)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Missing, a folder, or not UTF-8."""
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    for path in (tmp_path / "none.yaml", tmp_path, tmp_path / "latin.yaml"):
        with pytest.raises(InputError, match=str(path)):
            from_file(path)


@pytest.mark.parametrize("old", ALIASES)
def test_old_names_are_the_options_they_became(tmp_path: Path, old: str) -> None:
    """In a file and with --set the other tool's names are understood."""
    value = {"load": "3", "request": "3"}.get(ALIASES[old].split(".")[0], "openai")
    value = "30" if "max_" in ALIASES[old] else value
    section, name = ALIASES[old].split(".")
    for source in (from_file(file(tmp_path, f"{old}: {value}")), from_set([f"{old}={value}"])):
        many = [Given("load.users", 9, "")]  # as many users as workers, at least
        found = getattr(getattr(resolved(many, source), section), name)
        same = resolved(many, [Given(ALIASES[old], value, "")])
        assert found == getattr(getattr(same, section), name)
        assert found != getattr(getattr(RunConfig(), section), name) or value == "openai"


def test_environment_variables_of_the_old_tool_give_way_to_ours() -> None:
    """Both are understood; ours wins whatever their order; empty ones say nothing."""
    assert set(ENVIRONMENT_ALIASES) >= {"BACKEND", "TARGET_HOST", "MAX_OUTPUT_LEN"}
    assert resolved(from_variables(TARGET_HOST="h:1")).target.url == "http://h:1"
    both = from_variables(INFERSWARM_TARGET_URL="ours", TARGET_HOST="theirs", BACKEND="")
    assert resolved(both).target.url == "http://ours"
    assert resolved(both).target.backend == "openai"
    assert from_environment(SimulateConfig, {"TARGET_HOST": "h", "OTHER": "1"}) == []


def test_values_typed_in_a_shell_have_their_type() -> None:
    """Numbers, switches, mappings and durations are understood without quotes."""
    config = resolved(
        from_set(
            ["load.users=8", "target.stream=false", "load.duration=90", "timeouts.idle=2m",
             "request.temperature=0.5", "request.extra_body={top_k: 3}",
             "request.extra_body.stop=a=b"]
        )
    )  # fmt: skip
    assert (config.load.users, config.target.stream) == (8, False)
    assert (config.load.duration, config.timeouts.idle) == (90 * S, 120 * S)
    assert config.request.temperature == 0.5
    assert config.request.extra_body == {"top_k": 3, "stop": "a=b"}


@pytest.mark.parametrize("text", ["123", "true", "1.5", "on", "null"])
def test_text_that_looks_like_something_else_stays_text(text: str) -> None:
    """Where an option is text, a model called 123 is called 123."""
    for source in (
        from_set([f"target.model={text}", f"target.headers.x-a={text}"]),
        from_variables(INFERSWARM_TARGET_MODEL=text),
    ):
        assert resolved(source).target.model == text


@pytest.mark.parametrize("text", ["load.users", "=5", " =5", ""])
def test_an_assignment_without_its_parts_is_refused(text: str) -> None:
    """The refusal shows how one looks."""
    with pytest.raises(InputError, match=r"must be section.name=value"):
        from_set([text])


WRONG: list[tuple[str, object, str, str]] = [
    # key, value, what is allowed, what else is said
    ("load.users", "many", "a whole number of at least 1", "'many'"),
    ("load.users", 0, "a whole number of at least 1", "0"),
    ("load.users", 1.5, "a whole number of at least 1", "1.5"),
    ("load.workers", 999, "a whole number of at least 0 and at most 256", "999"),
    ("load.duration", "soon", "200ms, 60s, 2m or 1h30m", "'soon'"),
    ("load.spawn_rate", "fast", "10/s or 600/min", "'fast'"),
    ("request.temperature", -1, "a number of at least 0", "-1"),
    ("load.recorder", "nativ", "one of auto, native, gevent", "did you mean native?"),
    ("target.stream", "perhaps", "true or false", "'perhaps'"),
    ("target.url", "ftp://h", "host[:port][/path]", "'ftp://h'"),
    ("target.headers", "x", "a mapping of names to values", "***"),
    ("target.headers.x-a", ["b"], "a mapping of names to values", "***"),
    ("output.out", 7, "a path", "7"),
    ("simulator.error_rate", 2, "a number of at least 0 and at most 1", "2"),
    ("timeouts.idle", {"a": 1}, "200ms, 60s, 2m or 1h30m", "a mapping"),
    ("load.spawn_rate", "0/s", "above 0/s", "'0/s'"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "allowed", "more"), WRONG)
def test_a_wrong_value_is_refused_in_one_line(
    key: str, value: object, allowed: str, more: str
) -> None:
    """Where it was given, which option, what was given, and what may be given."""
    message = refusal(Given(key, value, "the origin"))
    option = next(one.key for one in options_of(RunConfig) if key.startswith(one.key))
    assert message.startswith("the origin: ")
    assert option in message
    assert allowed in message
    assert more in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("key", "longer", "innocent", "wrong"),
    [
        ("simulator.ttft", "simulator.ttft_sigma", 0.5, "soon"),
        ("simulator.itl", "simulator.itl_sigma", 0.5, "soon"),
    ],
)
def test_a_refusal_blames_the_option_that_is_wrong(
    key: str, longer: str, innocent: object, wrong: str
) -> None:
    """Not another one whose name begins alike."""
    message = refusal(Given(longer, innocent, "the file"), Given(key, wrong, "the flag"))
    assert message.startswith(f"the flag: {key} was given '{wrong}'")


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("load.usres", "load.users"),
        ("usres", "load.users"),
        ("lod.users", "load.users"),
        ("max_output_tokens", "request.max_output_tokens"),
        ("target.urll", "target.url"),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest(key: str, meant: str) -> None:
    """The refusal names origin, key, value, and what was probably meant."""
    message = refusal(Given(key, 5, "bench.yaml"))
    assert f"bench.yaml: unknown option {key} (given: 5)" in message
    assert message.endswith(f"did you mean {meant}?")


def test_an_unknown_option_like_no_other_points_to_the_list() -> None:
    """Nonsense gets no guess."""
    assert "see `inferswarm config`" in refusal(Given("zzz.qqq", 1, "--set"))


@pytest.mark.parametrize(
    "givens",
    [
        [Given("load.users.x", 1, "--set")],
        [Given("load.users", 5, "--users"), Given("load.users.x", 1, "--set")],
        [Given("load.users.x", 1, "the file"), Given("load.users", 5, "--users")],
        [Given("target.headers", "x", "the file"), Given("target.headers.a", "b", "--set")],
        [Given("load", 5, "the file")],
        [Given("load", 5, "the file"), Given("load.users", 5, "--users")],
    ],
)
def test_a_value_below_a_value_is_refused(givens: list[Given]) -> None:
    """An option that is no mapping has no parts, whatever else was given."""
    try:
        config = resolve(RunConfig, givens)
    except InputError:
        return
    assert (config.load.users, givens[-1].origin) == (5, "--users")


def test_a_secret_is_never_in_a_refusal() -> None:
    """Not even when its value is wrong."""
    message = refusal(Given("simulator.api_key", ["hunter2"], "--set"))
    assert "hunter2" not in message
    assert "***" in message


def secrets() -> RunConfig:
    """A configuration with secrets in every place where one may stand."""
    return resolve(
        RunConfig,
        [
            Given("simulator.api_key", "hunter2", ""),
            Given("target.headers.Authorization", "Bearer hunter2", ""),
            Given("target.headers.X-Api-Key", "hunter2", ""),
            Given("request.extra_body.tools", [{"api_key": "hunter2"}], ""),
            Given("request.extra_body.auth", {"password": "hunter2", "user": "me"}, ""),
        ],
    )


def test_secrets_are_masked() -> None:
    """Whatever is stored or shown holds no secret, and everything else as it was."""
    shown = masked(secrets())
    assert "hunter2" not in yaml.safe_dump(shown)
    assert shown["target"]["headers"] == {"Authorization": "***", "X-Api-Key": "***"}
    assert shown["request"]["extra_body"]["auth"]["user"] == "***"
    assert shown["target"]["api_key_env"] == "INFERSWARM_API_KEY"


def test_a_password_in_the_target_is_refused_or_masked() -> None:
    """A URL is shown everywhere, so it must not carry one."""
    try:
        config = resolve(RunConfig, [Given("target.url", "http://me:hunter2@h:1", "--target")])
    except InputError as refused:
        assert "hunter2" not in str(refused)  # noqa: PT017
        return
    assert "hunter2" not in yaml.safe_dump(masked(config))


def test_a_masked_configuration_can_be_loaded_again(tmp_path: Path) -> None:
    """What a run folder keeps is a file for the next run: the same but for its secrets."""
    config = resolved(
        from_file(file(tmp_path, YAML)), from_set(["output.out=runs/x", "load.users=7"])
    )
    again = from_file(file(tmp_path, yaml.safe_dump(masked(config)), "again.yaml"))
    known = config.target.model_copy(update={"headers": {"x-a": "***"}})
    assert resolved(again) == config.model_copy(update={"target": known})
    hidden = from_file(file(tmp_path, yaml.safe_dump(masked(secrets())), "hidden.yaml"))
    assert masked(resolved(hidden)) == masked(secrets())


def test_the_query_of_an_address_is_hidden() -> None:
    """It may be a signature that lets everybody in."""
    source = "https://host/prompts.txt?X-Amz-Signature=0123"
    shown = masked(resolved([Given("prompts.source", source, "")]))
    assert shown["prompts"]["source"] == "https://host/prompts.txt?***"
