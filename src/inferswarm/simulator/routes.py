"""Which route speaks which wire format: a table for each backend, one row for each route."""

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator import (
    fastapi,
    jetstream,
    legacy,
    metrics,
    openai,
    replies,
    sax,
    sglang,
    sglang_openai,
    tgi,
    tgi_openai,
    tgi_replies,
    triton_replies,
    triton_shapes,
)
from inferswarm.simulator.generation import Generation, Reply, Request, WireFormat

Plain = Callable[[SimulatorOptions, Request], Reply]
RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Errors:
    """What a server answers before any wire format."""

    unauthorized: Callable[[], Reply]
    not_found: Callable[[str], Reply]
    method_not_allowed: Callable[[str], Reply]


@dataclass(frozen=True, slots=True)
class Table:
    """One backend: routes that generate, by path, and plain ones, by method and path.

    `{model}` in a path stands for a model's name. Paths in `open` need no key.
    """

    generating: Mapping[str, WireFormat]
    plain: Mapping[str, Plain]
    errors: Errors
    open: frozenset[str] = frozenset({"/health"})


_FASTAPI = Errors(replies.unauthorized, fastapi.not_found, fastapi.method_not_allowed)
_VLLM = Errors(replies.unauthorized, lambda _: replies.not_found(), replies.method_not_allowed)
_OPENAI = Table(
    {
        "/v1/completions": openai.COMPLETIONS,
        "/v1/chat/completions": openai.CHAT,
    },
    {
        "GET /v1/models": lambda options, _: replies.models(options.model, int(time.time())),
        "GET /health": lambda _, __: replies.health(),
    },
    _VLLM,
)
TABLES: dict[str, Table] = {
    "openai": _OPENAI,
    "vllm": Table({**_OPENAI.generating, "/generate": legacy.GENERATE}, _OPENAI.plain, _VLLM),
    "tgi": Table(
        {
            "/generate": tgi.GENERATE,
            "/generate_stream": tgi.GENERATE_STREAM,
            "/": tgi.COMPATIBLE,
            "/v1/completions": tgi_openai.COMPLETIONS,
            "/v1/chat/completions": tgi_openai.CHAT,
        },
        {
            "GET /info": tgi_replies.info,
            "GET /v1/models": tgi_replies.models,
            "GET /health": tgi_replies.health,
            "GET /": tgi_replies.health,
        },
        Errors(
            unauthorized=lambda: tgi_replies.empty(401),
            not_found=lambda _: tgi_replies.empty(404),
            method_not_allowed=lambda allowed: tgi_replies.empty(405, (("allow", allowed),)),
        ),
    ),
    "tensorrt_llm_triton": Table(
        {
            "/v2/models/{model}/generate": triton_shapes.GENERATE,
            "/v2/models/{model}/generate_stream": triton_shapes.GENERATE_STREAM,
            "/v2/models/{model}/versions/1/generate": triton_shapes.GENERATE,
            "/v2/models/{model}/versions/1/generate_stream": triton_shapes.GENERATE_STREAM,
            "/v2/models/tensorrt_llm/generate": triton_shapes.LLM_API,
            "/v2/models/tensorrt_llm/generate_stream": triton_shapes.LLM_API_STREAM,
            "/v2/models/tensorrt_llm/versions/1/generate": triton_shapes.LLM_API,
            "/v2/models/tensorrt_llm/versions/1/generate_stream": triton_shapes.LLM_API_STREAM,
            **_OPENAI.generating,
        },
        {
            "GET /v2": triton_replies.server_metadata,
            "GET /v2/health/live": triton_replies.ready,
            "GET /v2/health/ready": triton_replies.ready,
            "POST /v2/repository/index": triton_replies.index,
            "GET /v2/models/{model}": triton_replies.model_metadata,
            "GET /v2/models/{model}/ready": triton_replies.ready,
            "GET /v2/models/{model}/config": triton_replies.model_config,
            **_OPENAI.plain,
        },
        Errors(
            triton_replies.unauthorized,
            triton_replies.not_found,
            triton_replies.method_not_allowed,
        ),
        frozenset({"/v2/health/live", "/v2/health/ready", "/health"}),
    ),
    "sax": Table(
        {"/generate": sax.GENERATE},
        {"GET /": sax.root, "GET /listall": sax.models, "GET /listcell": sax.cell},
        _FASTAPI,
        frozenset({"/"}),
    ),
    "jetstream": Table(
        {"/generate": jetstream.WRAPPER, "/v1/generate": jetstream.OWN},
        {
            "GET /": jetstream.root,
            "GET /v1/health": jetstream.health,
            "GET /healthcheck": jetstream.healthcheck,
        },
        _FASTAPI,
        frozenset({"/", "/v1/health", "/healthcheck"}),
    ),
    "sglang": Table(
        {
            "/generate": sglang.GENERATE,
            "/v1/completions": sglang_openai.COMPLETIONS,
            "/v1/chat/completions": sglang_openai.CHAT,
        },
        {
            "GET /get_model_info": sglang.model_info,
            "GET /model_info": sglang.model_info,
            "GET /v1/models": sglang.models,
            "GET /health": lambda _, __: fastapi.empty(),
            "GET /health_generate": lambda _, __: fastapi.empty(),
        },
        _FASTAPI,
        frozenset({"/health", "/health_generate"}),
    ),
}


class Routes:
    """The routes of one simulated server."""

    def __init__(self, options: SimulatorOptions) -> None:
        """Those of the backend that the options name."""
        self.options = options
        self._table = table = TABLES[options.backend]
        names = triton_replies.served(options)
        self.generating = _spelled(table.generating, names)
        """The wire format of each path that generates."""
        self._plain = _spelled(table.plain, names)
        self._methods = dict.fromkeys(self.generating, "POST")
        for route in self._plain:
            method, _, path = route.partition(" ")
            self._methods[path] = ", ".join(filter(None, [method, self._methods.get(path)]))

    def resolve(self, request: Request) -> Generation | Reply:
        """What a request asks to be generated (its path is then in `generating`), or its answer."""
        errors, path = self._table.errors, request.path
        if not self.authorized(request):
            return errors.unauthorized()
        wire_format = self.generating.get(path)
        if wire_format is not None and request.method == "POST":
            return wire_format.read(request, self.options)
        plain = self._plain.get(f"{request.method} {path}")
        if plain is not None:
            return plain(self.options, request)
        allowed = self._methods.get(path)
        return errors.method_not_allowed(allowed) if allowed else errors.not_found(path)

    def is_metrics(self, request: Request) -> bool:
        """Whether a monitoring system asks, of a server that answers it."""
        told = self.options.backend in metrics.BACKENDS
        return told and (request.method, request.path) == ("GET", metrics.PATH)

    def authorized(self, request: Request) -> bool:
        """Whether a request has the key, where one is needed."""
        api_key = self.options.api_key
        if api_key is None or (request.method == "GET" and request.path in self._table.open):
            return True
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        expected = api_key.get_secret_value().encode()
        return scheme.lower() == "bearer" and hmac.compare_digest(token.encode(), expected)


def _spelled(rows: Mapping[str, RowT], models: tuple[str, ...]) -> dict[str, RowT]:
    """The rows with each model's name in place of `{model}`; rows for one model go first."""
    spelled = {
        path.replace("{model}", quote(name, safe="")): row
        for path, row in rows.items()
        if "{model}" in path
        for name in models
    }
    return spelled | {path: row for path, row in rows.items() if "{model}" not in path}
