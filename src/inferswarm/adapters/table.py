"""The backends that a user can name, each with the adapter that speaks its format."""

from dataclasses import dataclass

from inferswarm.adapters import Adapter
from inferswarm.adapters.openai import OpenAI
from inferswarm.errors import InputError
from inferswarm.nearest import did_you_mean


@dataclass(frozen=True, slots=True)
class Backend:
    """One name for `--backend`."""

    name: str
    adapter: Adapter
    sentence: str


ADAPTERS = {
    backend.name: backend
    for backend in (
        Backend(
            "openai", OpenAI(), "Any server with OpenAI's /v1/completions or /v1/chat/completions."
        ),
        Backend("vllm", OpenAI(), "vLLM's OpenAI-compatible server."),
    )
}


def adapter_for(backend: str, api: str) -> Adapter:
    """The adapter behind a backend's name; refuses unknown names and routes it does not have."""
    if backend not in ADAPTERS:
        hint = did_you_mean(backend, ADAPTERS)
        raise InputError(
            f"target.backend was given {backend!r}; allowed: {', '.join(ADAPTERS)}{hint}"
        )
    adapter = ADAPTERS[backend].adapter
    if api not in adapter.apis:
        raise InputError(f"target.api was given {api!r}; {backend} has: {', '.join(adapter.apis)}")
    return adapter
