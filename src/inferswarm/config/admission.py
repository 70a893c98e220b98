"""What somebody who asks for a run over the network may decide, and what only the operator may.

A run that comes from elsewhere must not read files of this machine, show its credentials to a server of
its own choice, write where it likes, or load a server that nobody here meant to be loaded.
"""

import fnmatch
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from inferswarm.config.hidden import hidden
from inferswarm.config.sources import Given, options_of
from inferswarm.config.tree import RunConfig
from inferswarm.errors import InputError

OPERATORS = (
    *("target.api_key_env", "target.api_key_file", "target.headers", "target.proxy"),
    *("target.ca_file", "target.client_cert", "target.client_key", "target.insecure"),
    *("load.bind", "load.workers", "load.remote_workers", "arrivals.trace"),
    *("output.out", "output.upload", "prompts.tokenizer"),
    *("telemetry.poll", "telemetry.metrics", "telemetry.prometheus_url"),
    *("telemetry.prometheus_token_env", "telemetry.project", "telemetry.serve_metrics"),
    *("telemetry.otlp", "simulator.api_key"),
)
"""Options that only the operator of a master or runner sets."""
BUCKETS = ("gs://", "s3://", "az://")
_MAPPINGS = {option.key: option for option in options_of(RunConfig) if option.is_mapping}
_ANYWHERE = ("", "synthetic")
_LENGTHS = ("prompts.input_tokens", "prompts.output_tokens")
_LENGTHS_WITHOUT_FILE = re.compile(r"\s*([0-9]*|(uniform|normal|lognormal):[0-9.,\s]+)\s*")
MOST_LEVELS = 32
_INTEGERS = range(-(1 << 63), 1 << 63)


def admit(givens: Sequence[Given], allowed_targets: Sequence[str]) -> None:
    """Raises InputError for what a run from elsewhere may not ask.

    `allowed_targets` are host[:port] patterns such as `vllm.default:8000` or `*.svc:8000`; a pattern
    without a port allows every port.
    """
    for given in givens:
        if any(given.key == one or given.key.startswith(f"{one}.") for one in OPERATORS):
            raise InputError(f"{given.key} is set by whoever runs this service; leave it out")
        _check_plain(given.key, given.key)
        _check_plain(given.value, given.key)
        if given.key == "prompts.source":
            _check_source(str(given.value or ""))
        elif given.key in _LENGTHS and not _LENGTHS_WITHOUT_FILE.fullmatch(str(given.value)):
            raise InputError(f"{given.key} {given.value}: a run from elsewhere names no file")
        elif given.key == "target.url":
            _check_target(str(given.value or ""), allowed_targets)


def redacted(config: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """What a run from elsewhere asks for, as others may see it: without what its names call secret."""
    return {name: _redacted(value, f"{above}{name}") for name, value in config.items()}


def _redacted(value: Any, key: str) -> Any:
    """A value, or those below it; `key` may lead into a mapping with names of the user's own."""
    section, _, rest = key.partition(".")
    own = _MAPPINGS.get(f"{section}.{rest.partition('.')[0]}")
    if own is None:
        return redacted(value, f"{key}.") if isinstance(value, dict) else value
    name = key.removeprefix(own.key)
    # A mapping may come as one text, whose parts nobody has looked at yet.
    return hidden(value, name, everything=own.secret or (not name and isinstance(value, str)))


def _check_source(source: str) -> None:
    if source not in _ANYWHERE and not source.startswith(BUCKETS):
        raise InputError(
            f"prompts.source {source!r}: a run from elsewhere reads prompts from a bucket "
            f"({', '.join(BUCKETS)}), or `synthetic` ones"
        )


def _check_plain(value: Any, key: str, level: int = 0) -> None:
    """Refuse what can be asked but neither stored nor passed on: it would break whoever reads it."""
    if isinstance(value, dict | list):
        if level == MOST_LEVELS:
            raise InputError(f"{ascii(key)[1:-1]}: nested deeper than {MOST_LEVELS} levels")
        for inner in value:
            _check_plain(inner, key, level + 1)
        for inner in value.values() if isinstance(value, dict) else ():
            _check_plain(inner, key, level + 1)
    elif isinstance(value, str) and not value.isascii() and re.search("[\ud800-\udfff]", value):
        raise InputError(f"{ascii(key)[1:-1]}: a text with half a character (a lone surrogate)")
    elif isinstance(value, int) and value not in _INTEGERS:
        raise InputError(f"{key}: a whole number of more than 64 bits")
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{key} was given {value}; it must be a number")


def _check_target(url: str, allowed: Sequence[str]) -> None:
    try:
        given = urlsplit(url if "://" in url else f"http://{url}")
        host = given.hostname or ""
        port = given.port or (443 if given.scheme == "https" else 80)
    except ValueError:
        raise InputError(f"target.url {url}: not an address; give host:port") from None
    names = (host, f"{host}:{port}")
    if url and not any(fnmatch.fnmatchcase(name, one.lower()) for one in allowed for name in names):
        raise InputError(
            f"target.url {url}: not an address that may be loaded from here; allowed: "
            f"{', '.join(allowed) or 'none but the configured one'} (--allow-target)"
        )
