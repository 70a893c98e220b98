"""What is said of a run with every metric and span: never a prompt, an answer or a whole URL."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from inferswarm import __version__
from inferswarm.adapters.table import route
from inferswarm.config.tree import RunConfig

Attributes = dict[str, str | int | float | bool | list[str]]
_HTTP = "http_"
_PORTS = {"http": 80, "https": 443}
SERVICE = "inferswarm"


def error_type(kind: str) -> str:
    """An outcome (`Record.kind`) as the conventions have it: of `http_503` the status alone."""
    return kind.removeprefix(_HTTP)


@dataclass(frozen=True, slots=True)
class About:
    """A run: `id`, whether answers were asked to be streamed, and the attributes of all it tells."""

    id: str
    streams: bool
    attributes: Attributes

    @classmethod
    def of(cls, config: RunConfig, run: Mapping[str, Any]) -> "About":
        """What the conventions ask for, of the target and of `run.json`."""
        target = config.target
        chat = route(target.backend, target.api).takes_messages
        url = urlsplit(target.url)
        said: Attributes = {
            "gen_ai.operation.name": "chat" if chat else "text_completion",
            "gen_ai.provider.name": target.backend,
            "server.address": url.hostname or "",
            "server.port": url.port or _PORTS[url.scheme],
        }
        if run["model"]:
            said["gen_ai.request.model"] = str(run["model"])
        return cls(str(run["id"]), target.stream, said)

    @property
    def span_name(self) -> str:
        """What each span is called: the operation and the model."""
        model = self.attributes.get("gen_ai.request.model", "")
        return f"{self.attributes['gen_ai.operation.name']} {model}".rstrip()

    def resource(self, service: str) -> Attributes:
        """Who tells all this: a `service` of which each run is an instance."""
        return {
            "service.name": service or SERVICE,
            "service.version": __version__,
            "service.instance.id": self.id,
            "inferswarm.run.id": self.id,
        }
