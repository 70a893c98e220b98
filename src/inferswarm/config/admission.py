"""What somebody who asks for a run over the network may decide, and what only the operator may.

A run that comes from elsewhere must not read files of this machine, show its credentials to a server of
its own choice, write where it likes, or load a server that nobody here meant to be loaded.
"""

import fnmatch
from collections.abc import Sequence
from urllib.parse import urlsplit

from inferswarm.config.sources import Given
from inferswarm.errors import InputError

OPERATORS = (
    *("target.api_key_env", "target.api_key_file", "target.headers", "target.proxy"),
    *("target.ca_file", "target.client_cert", "target.client_key", "target.insecure"),
    *("load.bind", "load.workers", "load.remote_workers", "arrivals.trace"),
    *("output.out", "output.upload", "prompts.tokenizer"),
    *("telemetry.poll", "telemetry.metrics", "telemetry.prometheus_url"),
    *("telemetry.prometheus_token_env", "telemetry.project"),
)
"""Options that only the operator of a master or runner sets."""
BUCKETS = ("gs://", "s3://", "az://")
_ANYWHERE = ("", "synthetic")
_LENGTHS = ("prompts.input_tokens", "prompts.output_tokens")


def admit(givens: Sequence[Given], allowed_targets: Sequence[str]) -> None:
    """Raises InputError for what a run from elsewhere may not ask.

    `allowed_targets` are host[:port] patterns such as `vllm.default:8000` or `*.svc:8000`; a pattern
    without a port allows every port.
    """
    for given in givens:
        if any(given.key == one or given.key.startswith(f"{one}.") for one in OPERATORS):
            raise InputError(f"{given.key} is set by whoever runs this service; leave it out")
        if given.key == "prompts.source":
            _check_source(str(given.value or ""))
        elif given.key in _LENGTHS and set("/\\").intersection(str(given.value)):
            raise InputError(f"{given.key} {given.value}: a run from elsewhere names no file")
        elif given.key == "target.url":
            _check_target(str(given.value or ""), allowed_targets)


def _check_source(source: str) -> None:
    if source not in _ANYWHERE and not source.startswith(BUCKETS):
        raise InputError(
            f"prompts.source {source!r}: a run from elsewhere reads prompts from a bucket "
            f"({', '.join(BUCKETS)}), or `synthetic` ones"
        )


def _check_target(url: str, allowed: Sequence[str]) -> None:
    given = urlsplit(url if "://" in url else f"http://{url}")
    host = given.hostname or ""
    try:
        port = given.port or (443 if given.scheme == "https" else 80)
    except ValueError:
        return  # refused with its own words when it is resolved
    names = (host, f"{host}:{port}")
    if url and not any(fnmatch.fnmatchcase(name, one.lower()) for one in allowed for name in names):
        raise InputError(
            f"target.url {url}: not an address that may be loaded from here; allowed: "
            f"{', '.join(allowed) or 'none but the configured one'} (--allow-target)"
        )
