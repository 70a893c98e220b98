"""What the scripts of the small clients share: the load they are to play, and the body they send."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROMPT = "Tell me what an inference server does, in a few sentences."
PREFIX = "INFERBENCH_"


@dataclass(frozen=True, slots=True)
class Task:
    """One load, as it reaches a script through its environment or arguments."""

    url: str
    out: Path
    users: int
    tokens: int
    stream: bool
    duration_s: float
    requests: int

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body of each request."""
        body = {"model": "inferswarm-bench", "prompt": PROMPT, "max_tokens": self.tokens}
        if not self.stream:
            return body
        return body | {"stream": True, "stream_options": {"include_usage": True}}

    def words(self) -> list[str]:
        """As `env` takes it: NAME=value."""
        return [
            f"{PREFIX}URL={self.url}",
            f"{PREFIX}OUT={self.out}",
            f"{PREFIX}USERS={self.users}",
            f"{PREFIX}TOKENS={self.tokens}",
            f"{PREFIX}STREAM={int(self.stream)}",
            f"{PREFIX}DURATION_S={self.duration_s}",
            f"{PREFIX}REQUESTS={self.requests}",
        ]

    @classmethod
    def here(cls) -> "Task":
        """The task of this process."""
        said = {name: os.environ[PREFIX + name] for name in _NAMES}
        return cls(
            url=said["URL"],
            out=Path(said["OUT"]),
            users=int(said["USERS"]),
            tokens=int(said["TOKENS"]),
            stream=said["STREAM"] == "1",
            duration_s=float(said["DURATION_S"]),
            requests=int(said["REQUESTS"]),
        )


_NAMES = ("URL", "OUT", "USERS", "TOKENS", "STREAM", "DURATION_S", "REQUESTS")
