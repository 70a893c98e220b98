"""Which backend a server may be, from what it answers to cheap questions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inferswarm.adapters.table import BACKENDS
from inferswarm.doctor.seen import Choice
from inferswarm.exchange import Outcome
from inferswarm.records import Record

MODELS, INFO, SGLANG, TRITON = "/v1/models", "/info", "/get_model_info", "/v2/health/ready"
ENSEMBLE, LLM_API = "/v2/models/ensemble/ready", "/v2/models/tensorrt_llm/ready"
WRAPPER, JETSTREAM, SAX = "/healthcheck", "/v1/health", "/listall"
COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"
GENERATE, STREAM = "/generate", "/generate_stream"
PATHS = (
    *(MODELS, INFO, SGLANG, TRITON, ENSEMBLE, LLM_API, WRAPPER, JETSTREAM, SAX),
    *(COMPLETIONS, CHAT, GENERATE, STREAM),
)
"""Asked by GET: what they say, and whether they are there at all."""

HEALTH_CALL = "/jetstream_proto.Orchestrator/HealthCheck"
"""Asked by gRPC."""

_SURE, _LIKELY, _MAYBE = 10, 5, 1


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to one cheap question; `value` is its JSON, None for anything else."""

    status: int
    value: Any = None

    @property
    def found(self) -> bool:
        """Whether something is there, if only for another method."""
        return self.status in (200, 400, 405, 422)


_NOTHING = Told(0)


def choices(told: Mapping[str, Told]) -> list[Choice]:
    """Routes that fit the answers, by path, best first."""
    by_route: dict[tuple[str, str], Choice] = {}
    for one in _clues(_Answers(told)):
        key = (one.backend, one.api)
        if key not in by_route or one.points > by_route[key].points:
            by_route[key] = one
    return sorted(by_route.values(), key=lambda one: -one.points)


def misfit(record: Record | None, choice: Choice) -> bool:
    """Whether an answer says that the format is another; a busy or broken server does not."""
    if record is None or record.ok:
        return False
    if record.outcome in (Outcome.BAD_FRAME, Outcome.EMPTY):
        return True
    guessed = choice.points <= _MAYBE + 1
    return record.status in _MISUNDERSTOOD or (guessed and record.status == _FAILED)


_MISUNDERSTOOD = frozenset({400, 404, 405, 415, 422})
_FAILED = 500


def with_api(found: list[Choice], api: str) -> list[Choice]:
    """The same for users who named a route's own name: each backend that has it, once."""
    fits = {one.backend: one for one in reversed(found) if api in BACKENDS[one.backend].apis}
    ranked = [one for one in found if fits.get(one.backend) is one]
    return [Choice(one.backend, api, one.points, one.reasons, one.model) for one in ranked]


class _Answers:
    """The answers by path, and what they hold."""

    def __init__(self, told: Mapping[str, Told]) -> None:
        self._told = told

    def at(self, path: str) -> Told:
        """Nothing where nothing was asked."""
        return self._told.get(path, _NOTHING)

    def has(self, path: str) -> bool:
        """Whether it is there, be it only for POST."""
        return self.at(path).found

    def fields(self, path: str) -> Mapping[str, Any]:
        """The object of a good answer."""
        one = self.at(path)
        return one.value if one.status == 200 and isinstance(one.value, dict) else {}

    @property
    def owners(self) -> set[str]:
        """Who the list of models says that they are owned by."""
        return {str(card.get("owned_by")) for card in self.cards}

    @property
    def cards(self) -> list[Mapping[str, Any]]:
        """The models of OpenAI's list."""
        data = self.fields(MODELS).get("data")
        return [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []


def _clues(answers: _Answers) -> Iterator[Choice]:
    yield from _triton(answers)
    yield from _native(answers)
    yield from _jetstream(answers)
    yield from _sax(answers)
    yield from _openai(answers)
    yield from _bare(answers)


def _triton(answers: _Answers) -> Iterator[Choice]:
    if answers.at(TRITON).status != 200:
        return
    for path, api in ((ENSEMBLE, "generate"), (LLM_API, "llmapi")):
        if answers.at(path).status == 200:
            extra = 1 if api == "generate" else 0
            yield Choice(
                "tensorrt_llm_triton",
                api,
                _SURE + extra,
                (f"GET {TRITON} and {path} answer as Triton does",),
            )


def _native(answers: _Answers) -> Iterator[Choice]:
    if "model_id" in answers.fields(INFO):
        yield Choice("tgi", "generate", _SURE, (f"GET {INFO} names a model as TGI does",))
    if "model_path" in answers.fields(SGLANG):
        yield Choice("sglang", "generate", _SURE, (f"GET {SGLANG} names a model as SGLang does",))


def _jetstream(answers: _Answers) -> Iterator[Choice]:
    health = answers.fields(JETSTREAM)
    if answers.at(HEALTH_CALL).status == 200:
        yield Choice(
            "jetstream", "grpc", _SURE + 2, ("gRPC HealthCheck answers as JetStream does",)
        )
    if "is_live" in health:
        yield Choice("jetstream", "v1", _SURE + 1, (f"GET {JETSTREAM} answers as JetStream does",))
    if isinstance(answers.fields(WRAPPER).get("response"), dict):
        yield Choice(
            "jetstream", "generate", _SURE, (f"GET {WRAPPER} answers as JetStream's wrapper does",)
        )


def _sax(answers: _Answers) -> Iterator[Choice]:
    if answers.at(SAX).status == 200:
        model = next(_names(answers.at(SAX).value), "")
        why = f"GET {SAX} lists models as the SAX server does"
        yield Choice("sax", "query", _SURE, (why,), model)


def _names(value: Any) -> Iterator[str]:
    """Texts of a list; of an object its values, and then its keys."""
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _names(one)
    elif isinstance(value, dict):
        for one in value.values():
            if isinstance(one, list | dict):
                yield from _names(one)
        yield from value


def _openai(answers: _Answers) -> Iterator[Choice]:
    if not answers.cards:
        return
    if "vllm" in answers.owners:
        backend, points, why = "vllm", _SURE - 1, f"GET {MODELS} says that vLLM owns the model"
    elif "sglang" in answers.owners:
        backend, points, why = "sglang", _LIKELY + 1, f"GET {MODELS} says SGLang"
    else:
        backend, points, why = "openai", _LIKELY, f"GET {MODELS} is a list as OpenAI's"
    both = answers.has(COMPLETIONS) == answers.has(CHAT)
    for api, path in (("completions", COMPLETIONS), ("chat", CHAT)):
        first = api == "completions" if both else answers.has(path)
        yield Choice(backend, api, points if first else points - 1, (why,))


def _bare(answers: _Answers) -> Iterator[Choice]:
    """Routes that are there, whatever server that may be."""
    there = f"{GENERATE} is there"
    if answers.has(GENERATE) and answers.has(STREAM):
        yield Choice("tgi", "generate", _MAYBE + 1, (f"{GENERATE} and {STREAM} are there",))
    if answers.has(GENERATE):
        yield Choice("vllm", "generate", _MAYBE + 1, (f"{there}, and no list of models",))
        yield Choice("sglang", "generate", _MAYBE, (there,))
        yield Choice("jetstream", "generate", _MAYBE, (there,))
    for api, path in (("completions", COMPLETIONS), ("chat", CHAT)):
        if answers.has(path):
            yield Choice("openai", api, _MAYBE + 1, (f"{path} is there",))
