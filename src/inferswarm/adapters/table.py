"""The backends that a user can name, each with its routes and the adapter that speaks each of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from inferswarm.adapters import (
    Adapter,
    Wanted,
    jetstream,
    jetstream_http,
    sax,
    sglang,
    tgi,
    triton,
    vllm_generate,
)
from inferswarm.adapters.openai import (
    CHAT,
    COMPLETIONS,
    TEXT_COMPLETIONS,
    VLLM_CHAT,
    VLLM_COMPLETIONS,
    OpenAI,
)
from inferswarm.config.target import RequestOptions
from inferswarm.errors import InputError
from inferswarm.exchange import Framing
from inferswarm.nearest import did_you_mean
from inferswarm.prompts import Prompt


@dataclass(frozen=True, slots=True)
class Backend:
    """One name for `--backend`; `apis` are the names for `--api`, the default first."""

    name: str
    apis: Mapping[str, Adapter]
    sentence: str


BACKENDS = {
    backend.name: backend
    for backend in (
        Backend(
            "openai",
            {"completions": COMPLETIONS, "chat": CHAT},
            "Any server with OpenAI's /v1/completions or /v1/chat/completions.",
        ),
        Backend(
            "vllm",
            {
                "completions": VLLM_COMPLETIONS,
                "chat": VLLM_CHAT,
                "generate": vllm_generate.GENERATE,
            },
            "vLLM's OpenAI-compatible server, or its older /generate.",
        ),
        Backend(
            "tgi",
            {"generate": tgi.GENERATE, "chat": tgi.CHAT, "completions": tgi.COMPLETIONS},
            "Text Generation Inference: /generate and /generate_stream, or OpenAI's routes.",
        ),
        Backend(
            "sglang",
            {"generate": sglang.GENERATE, "chat": sglang.CHAT, "completions": sglang.COMPLETIONS},
            "SGLang's /generate, or OpenAI's routes.",
        ),
        Backend(
            "tensorrt_llm_triton",
            {
                "generate": triton.GENERATE,
                "llmapi": triton.LLM_API,
                "chat": CHAT,
                "completions": TEXT_COMPLETIONS,
            },
            "TensorRT-LLM in Triton: /v2/models/MODEL/generate, or its OpenAI frontend.",
        ),
        Backend(
            "sax",
            {"query": sax.QUERY, "prompt": sax.PROMPT, "openai": sax.OPENAI},
            "SAX behind an HTTP server with /generate; not streamed.",
        ),
        Backend(
            "jetstream",
            {
                "grpc": jetstream.GRPC,
                "generate": jetstream_http.GENERATE,
                "v1": jetstream_http.V1,
            },
            "JetStream: gRPC, the HTTP /generate of its wrapper, or its own /v1/generate.",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Route:
    """One of a backend's routes, by its full name."""

    backend: str
    api: str
    adapter: Adapter

    @property
    def framing(self) -> Framing:
        """What carries its requests and answers."""
        return "http2" if self.api == "grpc" else "http1"

    @property
    def takes_messages(self) -> bool:
        """Whether a conversation is sent as messages; elsewhere it becomes one text."""
        return isinstance(self.adapter, OpenAI) and self.adapter.chat


def route(backend: str, api: str = "") -> Route:
    """The route with these names; refuses unknown ones. Without `api` it is the backend's first."""
    if backend not in BACKENDS:
        hint = did_you_mean(backend, BACKENDS)
        raise InputError(
            f"target.backend was given {backend!r}; allowed: {', '.join(BACKENDS)}{hint}"
        )
    apis = BACKENDS[backend].apis
    api = api or next(iter(apis))
    if api not in apis:
        raise InputError(f"target.api was given {api!r}; {backend} has: {', '.join(apis)}")
    return Route(backend, api, apis[api])


def wanted(asked: RequestOptions, route: Route, model: str, *, stream: bool) -> Wanted:
    """What a run asks for; refuses what the route's servers would reject."""
    told = Wanted(
        model=model,
        stream=stream,
        max_output_tokens=asked.max_output_tokens,
        min_output_tokens=asked.min_output_tokens,
        ignore_eos=asked.ignore_eos,
        temperature=asked.temperature,
        top_p=asked.top_p,
        top_k=asked.top_k,
        seed=asked.seed,
        best_of=asked.best_of,
        use_beam_search=asked.use_beam_search,
        stop=tuple(asked.stop),
        usage_per_chunk=asked.usage_per_chunk,
        extra_body=asked.extra_body,
    )
    if told.use_beam_search and (told.best_of or 0) < 2:
        raise InputError(
            "request.use_beam_search needs request.best_of, the beam's width: 2 or more"
        )
    if why := route.adapter.refusal(told):
        raise InputError(f"{route.backend} {route.api}: {why}")
    return told


def check_prompts(prompts: Iterable[Prompt], route: Route) -> None:
    """Refuses prompts that are only token ids where the route takes none; raises InputError."""
    if not route.adapter.takes_ids and any(one.ids and not one.text for one in prompts):
        takers = ", ".join(
            f"{backend.name} {api}"
            for backend in BACKENDS.values()
            for api, adapter in backend.apis.items()
            if adapter.takes_ids
        )
        raise InputError(
            f"{route.backend} {route.api} takes no token ids, and there are prompts without a text; "
            f"ask one that does ({takers}), or give prompts as text"
        )
