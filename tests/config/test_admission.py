"""Facts about what a run from elsewhere may ask."""

import pytest

from inferswarm.config.admission import OPERATORS, admit
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
        ({"prompts": {"input_tokens": "/etc/passwd"}}, False),
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
