"""Which route speaks which wire format: one row per route."""

import hmac
import time
from collections.abc import Callable

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator import openai, replies
from inferswarm.simulator.generation import Generation, Reply, Request, WireFormat

GENERATING: dict[str, WireFormat] = {
    "/v1/completions": openai.COMPLETIONS,
    "/v1/chat/completions": openai.CHAT,
}
_PLAIN: dict[str, Callable[[SimulatorOptions], Reply]] = {
    "/v1/models": lambda options: replies.models(options.model, int(time.time())),
    "/health": lambda _: replies.health(),
}
_OPEN = frozenset({"/health"})


def _authorized(request: Request, options: SimulatorOptions) -> bool:
    if options.api_key is None or request.path in _OPEN:
        return True
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    expected = options.api_key.get_secret_value().encode()
    return scheme.lower() == "bearer" and hmac.compare_digest(token.encode(), expected)


def resolve(request: Request, options: SimulatorOptions) -> Generation | Reply:
    """What a request asks to be generated (its path is then in GENERATING), or its answer."""
    if not _authorized(request, options):
        return replies.unauthorized()
    wire_format = GENERATING.get(request.path)
    if wire_format is not None:
        if request.method != "POST":
            return replies.method_not_allowed("POST")
        return wire_format.read(request, options)
    plain = _PLAIN.get(request.path)
    if plain is None:
        return replies.not_found()
    return plain(options) if request.method == "GET" else replies.method_not_allowed("GET")
