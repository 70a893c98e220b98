"""What a run will be able to measure here, and the command that does."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from inferswarm.config.sources import Option, masked, options_of
from inferswarm.config.tree import RunConfig
from inferswarm.config.units import Duration
from inferswarm.doctor.about_answers import counting_helps
from inferswarm.doctor.about_asking import is_exact
from inferswarm.doctor.findings import Finding, Measure, note, ok, problem
from inferswarm.doctor.seen import Looked, Seen
from inferswarm.timing import SERVER_SPANS
from inferswarm.tokens import CHUNKS

USERS = 8
DURATION = Duration.parse("60s")


def measures(looked: Looked, config: RunConfig) -> list[Finding]:
    """What of the usual metrics a run as configured would have."""
    seen = looked.good(looked.asked)
    if not seen:
        return []
    found = [*_streamed(looked, seen), ok(Measure.E2E, "from sent and from due, for each request")]
    return [*found, _counts(looked, seen, config), _server(seen)]


def _streamed(looked: Looked, seen: list[Seen]) -> Iterator[Finding]:
    """TTFT and ITL."""
    if not looked.stream:
        yield note(Measure.TTFT, "not without streams")
        yield note(Measure.ITL, "not without streams")
        return
    if not any(one.record.streamed for one in seen):
        yield problem(Measure.TTFT, "not measurable: the server does not stream", "--no-stream")
        yield problem(Measure.ITL, "not measurable: the server does not stream", "--no-stream")
        return
    yield ok(Measure.TTFT, "from sent to the first chunk with a token")
    chunks = [one.record.chunk_ns for one in seen]
    if all(len(one) < 2 for one in chunks):
        yield note(Measure.ITL, "answers were too short to tell", "ask for longer ones")
    elif all(len(set(one)) < 2 for one in chunks):
        yield problem(
            Measure.ITL,
            "not measurable: all chunks of an answer arrive together",
            "look for what buffers between here and the model",
        )
    else:
        yield _gaps(looked, seen)


def _gaps(looked: Looked, seen: list[Seen]) -> Finding:
    """How true the time between two tokens is."""
    records = [one.record for one in seen]
    if all(one.chunk_tokens for one in records):
        return ok(Measure.ITL, "between chunks, with the tokens that each carries")
    if counting_helps(looked):
        return ok(Measure.ITL, "between chunks, with their tokens by request.usage_per_chunk")
    told = [one for one in records if one.output_source != CHUNKS]
    if told and all(one.output_tokens <= len(one.chunk_ns) for one in told):
        return ok(Measure.ITL, "between chunks, which carry a token each")
    return note(Measure.ITL, "between chunks; how many tokens each carries is not told")


def _counts(looked: Looked, seen: list[Seen], config: RunConfig) -> Finding:
    asked = config.request.usage_per_chunk
    if asked and looked.stream and not any(one.record.chunk_tokens for one in seen):
        return problem(
            Measure.COUNTS,
            "request.usage_per_chunk is asked for, but chunks do not tell their tokens",
            "leave it out",
        )
    if all(one.record.output_source != CHUNKS for one in seen):
        return ok(Measure.COUNTS, "exact: the server tells them")
    if looked.stream:
        return note(Measure.COUNTS, "chunks are counted: right where each carries one token")
    return note(Measure.COUNTS, "not told: tokens per second and per request mean nothing here")


def _server(seen: list[Seen]) -> Finding:
    told = {span for one in seen for span in one.record.server_ns}
    if not told:
        return note(Measure.SERVER, "the server tells no times; client and server cannot be parted")
    return ok(
        Measure.SERVER,
        f"{', '.join(one for one in SERVER_SPANS if one in told)} told by the server",
    )


def fitting(config: RunConfig, looked: Looked) -> RunConfig:
    """The configuration with the options that fit what was seen, and a small load to begin with."""
    target: dict[str, Any] = {"backend": looked.way.backend, "api": looked.way.api}
    listed = looked.listing.names if looked.listing else ()
    alone = looked.model == looked.way.adapter.default_model or listed == (looked.model,)
    if looked.model and not alone:
        target["model"] = looked.model
    streams = looked.stream and any(one.record.streamed for one in looked.good(looked.asked))
    target["stream"] = streams if looked.good(looked.asked) else looked.stream
    request: dict[str, Any] = {}
    if is_exact(looked):
        request["ignore_eos"] = True
    if counting_helps(looked) and streams:
        request["usage_per_chunk"] = True
    load: dict[str, Any] = {}
    if not config.arrivals.open_loop and "users" not in config.load.model_fields_set:
        load["users"] = max(USERS, config.load.workers)
    if config.load.duration is None and config.load.requests is None and not config.arrivals.ends:
        load["duration"] = DURATION
    return config.model_copy(
        update={
            "target": config.target.model_copy(update=target),
            "request": config.request.model_copy(update=request),
            "load": config.load.model_copy(update=load),
        }
    )


def command(config: RunConfig) -> tuple[list[str], list[str]]:
    """(words of the `inferswarm run` that resolves to this, options that must not be shown)."""
    words, left_out = ["inferswarm", "run"], []
    for option in options_of(RunConfig):
        value, usual = _at(config, option.key), _at(RunConfig(), option.key)
        shown = option.key in _ALWAYS or value != usual
        if option.key.startswith("simulator.") or not shown:
            continue
        if _is_secret(config, option):
            left_out.append(option.key)
        else:
            words += _words(option, value)
    return words, left_out


_ALWAYS = frozenset({"target.backend", "target.api", "request.max_output_tokens"})


def spelled(words: list[str]) -> str:
    """The command for a shell."""
    return shlex.join(words)


def _at(config: RunConfig, key: str) -> Any:
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
    return value


def _is_secret(config: RunConfig, option: Option) -> bool:
    """Whether a value, or a part of it, must not be shown."""
    shown: Any = masked(config)
    for name in option.key.split("."):
        shown = shown[name]
    return option.secret or "***" in json.dumps(shown)


def _words(option: Option, value: Any) -> list[str]:
    """An option as it is typed."""
    if option.flag and isinstance(value, bool):
        return [option.flag if value else option.flag.replace("--", "--no-", 1)]
    if option.is_list:
        return [word for one in value for word in (str(option.flag), str(one))]
    text = json.dumps(value) if isinstance(value, bool | dict) else str(value)
    return [option.flag, text] if option.flag else ["--set", f"{option.key}={text}"]
