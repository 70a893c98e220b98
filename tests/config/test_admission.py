"""Facts about what a run from elsewhere may ask."""

import pytest

from inferswarm.config.admission import OPERATORS, admit, redacted
from inferswarm.config.sources import Given, from_mapping, options_of
from inferswarm.config.tree import ALIASES, RunConfig
from inferswarm.errors import InputError

TARGETS = ("vllm.default:8000", "*.svc", "10.0.0.5:*")


def asked(tree: object) -> list[Given]:
    """The values of a request."""
    return from_mapping(tree, "request", "request")


@pytest.mark.parametrize("key", OPERATORS)
def test_what_only_the_operator_sets_is_an_option_and_refused(key: str) -> None:
    """A misspelt row of the table would protect nothing."""
    assert key in {option.key for option in options_of(RunConfig)}
    section, name = key.split(".")
    with pytest.raises(InputError, match=f"{key} is set by whoever runs this service"):
        admit(asked({section: {name: "x"}}), TARGETS)


@pytest.mark.parametrize("old", [old for old, key in ALIASES.items() if key in OPERATORS])
def test_old_names_are_no_way_around(old: str) -> None:
    """They are today's options by the time they are looked at."""
    with pytest.raises(InputError, match="whoever runs this service"):
        admit(asked({old: "x"}), TARGETS)


def test_one_header_is_refused_as_all_are() -> None:
    """Also when it is spelled as a key of its own."""
    for tree in ({"target": {"headers": {"a": "b"}}}, {"target": {"headers.a": "b"}}):
        with pytest.raises(InputError, match="whoever runs this service"):
            admit(asked(tree), TARGETS)


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("vllm.default:8000", True),
        ("http://vllm.default:8000/path", True),
        ("http://VLLM.default:8000", True),
        ("http://vllm.default:8001", False),
        ("http://vllm.default", False),
        ("https://tgi.team.svc", True),
        ("http://tgi.team.svc:3000", True),
        ("http://10.0.0.5:80", True),
        ("http://10.0.0.50:80", False),
        ("http://evil.example/vllm.default:8000", False),
        ("http://vllm.default:8000@evil.example", False),
        ("http://evil.example#.svc", False),
        ("", True),
    ],
)
def test_only_allowed_addresses_are_loaded(url: str, fits: object) -> None:
    """Patterns are of the host and the port that a request would go to, not of the text."""
    if fits:
        admit(asked({"target": {"url": url}}), TARGETS)
    else:
        with pytest.raises(InputError, match="not an address that may be loaded"):
            admit(asked({"target": {"url": url}}), TARGETS)


@pytest.mark.parametrize(
    ("tree", "fits"),
    [
        ({"prompts": {"source": "gs://bucket/a.txt"}}, True),
        ({"gcs_path": "gs://bucket/a.txt"}, True),
        ({"prompts": {"source": "synthetic", "input_tokens": "normal:512,128"}}, True),
        ({"prompts": {"source": "/etc/passwd"}}, False),
        ({"prompts": {"source": "file:///etc/passwd"}}, False),
        ({"prompts": {"source": "http://169.254.169.254/token"}}, False),
        ({"prompts": {"source": "synthetic", "output_tokens": "uniform:1..9"}}, True),
        ({"prompts": {"source": "synthetic", "input_tokens": 64}}, True),
        ({"prompts": {"input_tokens": "/etc/passwd"}}, False),
        ({"prompts": {"input_tokens": "service.db"}}, False),
        ({"prompts": {"output_tokens": "tokens"}}, False),
        ({"load": {"users": 5, "duration": "10s"}}, True),
    ],
)
def test_no_file_of_the_machine_is_read(tree: object, fits: object) -> None:
    """Prompts come from buckets or are made; local paths and other addresses are refused."""
    if fits:
        admit(asked(tree), TARGETS)
    else:
        with pytest.raises(InputError):
            admit(asked(tree), TARGETS)


@pytest.mark.parametrize("url", ["http://[", "http://[x]:1/", "http://a\uff0fb/", "vllm.default:x"])
def test_what_is_no_address_is_refused_in_words(url: str) -> None:
    """Whatever the parser of addresses throws ends nobody's process."""
    with pytest.raises(InputError, match="not an address"):
        admit(asked({"target": {"url": url}}), ("*",))


def _nested(levels: int) -> object:
    return {"a": _nested(levels - 1)} if levels else 1


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        ({"request": {"extra_body": _nested(200)}}, "nested deeper"),
        ({"request": {"extra_body": {"a": [float("nan")]}}}, "must be a number"),
        ({"request": {"temperature": float("inf")}}, "must be a number"),
        ({"load": {"users": 10**19}}, "64 bits"),
        ({"target": {"model": "\ud800"}}, "half a character"),
        ({"request": {"extra_body": {"\ud800": 1}}}, "half a character"),
        ({"target": {"\ud800": 1}}, "half a character"),
    ],
)
def test_what_could_not_be_stored_is_refused(tree: object, why: str) -> None:
    """It would break the list of runs, or the master, for everybody."""
    with pytest.raises(InputError, match=why) as refused:
        admit(asked(tree), TARGETS)
    str(refused.value).encode()


def test_what_can_be_stored_is_let_in() -> None:
    """Texts of any language, and trees of some depth."""
    admit(asked({"request": {"extra_body": _nested(20), "stop": ["\U0001f642 \u00e4"]}}), TARGETS)


def test_no_secret_is_taken_from_elsewhere() -> None:
    """It would be kept in a database and shown to everybody who may read there."""
    assert {option.key for option in options_of(RunConfig) if option.secret} <= set(OPERATORS)


@pytest.mark.parametrize(
    ("config", "shown"),
    [
        ({"api_key": "s", "top_p": 1, "n": None}, {"api_key": "***", "top_p": 1, "n": None}),
        ({"auth": {"v": ["s"], "w": "s"}}, {"auth": {"v": ["***"], "w": "***"}}),
        ([{"token": "s"}], [{"token": "***"}]),
        ('{"token": "s"}', "***"),
    ],
)
def test_what_names_call_secret_is_not_told(config: object, shown: object) -> None:
    """In whatever form it was asked for; what our own options are called is no secret."""
    ours = {"prompts": {"token_ids": True}, "max_output_len": 4, "goals": {"slo": ["ttft<1s"]}}
    assert redacted(ours) == ours
    assert redacted({"request": {"extra_body": config}}) == {"request": {"extra_body": shown}}
    assert redacted({"request.extra_body": config}) == {"request.extra_body": shown}
    nested = redacted({"request": {"extra_body.auth.v": "s", "extra_body.x.y": "z"}})
    assert nested == {"request": {"extra_body.auth.v": "***", "extra_body.x.y": "z"}}
