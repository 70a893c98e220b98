"""Who may ask the service for what, and how often."""

import hmac
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from inferswarm.errors import InputError
from inferswarm.origins import LOOPBACK, stranger
from inferswarm.secret import LEAST_LENGTH, digest

READ_TOKEN, RUN_TOKEN = "INFERSWARM_READ_TOKEN", "INFERSWARM_RUN_TOKEN"


class Role(IntEnum):
    """What a token allows; each more than those before."""

    NOBODY = 0
    READ = 1
    RUN = 2


@dataclass(frozen=True, slots=True)
class Tokens:
    """Digests of the tokens that are known, with their roles."""

    known: tuple[tuple[bytes, Role], ...] = ()

    @classmethod
    def read(cls, file: Path | None, environment: Mapping[str, str]) -> "Tokens":
        """Tokens of a file with `read TOKEN` and `run TOKEN` lines, and of two variables.

        Raises InputError naming the line, never the token.
        """
        found = [(environment.get(READ_TOKEN, ""), Role.READ, READ_TOKEN)]
        found.append((environment.get(RUN_TOKEN, ""), Role.RUN, RUN_TOKEN))
        for number, line in enumerate(_lines(file), 1):
            words = line.split()
            if words and not line.startswith("#"):
                if len(words) != 2 or words[0] not in ("read", "run"):
                    raise InputError(f"{file}: line {number} must be `read TOKEN` or `run TOKEN`")
                found.append((words[1], Role[words[0].upper()], f"{file}: line {number}"))
        for token, _, origin in found:
            if token and (len(token) < LEAST_LENGTH or not token.isascii() or " " in token):
                raise InputError(
                    f"{origin}: a token is one word of at least {LEAST_LENGTH} characters"
                )
        return cls(tuple((digest(token), role) for token, role, _ in found if token))

    def role_of(self, token: str) -> Role:
        """What a token allows; all known ones are compared, so that time tells nothing."""
        given, role = digest(token), Role.NOBODY
        for known, its_role in self.known:
            if hmac.compare_digest(known, given):
                role = max(role, its_role)
        return role


def _lines(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--tokens {file}: {error}; give a file of `run TOKEN` lines") from None


@dataclass(frozen=True, slots=True)
class Gate:
    """The rule by which a request is let in.

    `host` is where the service listens. On loopback without tokens everybody of this machine may do
    everything, but no page of another site may: neither by its own name for this machine, nor by a
    link or a picture that points here.
    """

    host: str
    tokens: Tokens = Tokens()

    def __post_init__(self) -> None:
        """Refuse to be open to a network without a token."""
        if self.host not in LOOPBACK and not self.tokens.known:
            raise InputError(
                f"--host {self.host} can be reached from elsewhere and needs a token: set {RUN_TOKEN}, "
                "or give --tokens FILE"
            )

    def refusal(
        self, headers: Mapping[str, str], needed: Role, cookie: str = ""
    ) -> tuple[int, str]:
        """HTTP's status and a sentence for a request that is not let in; (0, "") for one that is."""
        asked = headers.get("host", "")
        if why := stranger(self.host, asked, headers.get("origin")):
            return 403, why
        referer = headers.get("referer", "").partition("://")[2].partition("/")[0]
        if needed >= Role.RUN and referer not in ("", asked):
            return 403, "a page of another site may not start anything here"
        if needed >= Role.RUN and headers.get("sec-fetch-site", "none") not in (
            "none",
            "same-origin",
        ):
            return 403, "a page of another site may not start anything here"
        if not self.tokens.known or needed is Role.NOBODY:
            return 0, ""
        given = headers.get("authorization", "")
        token = given[7:] if given[:7].lower() == "bearer " else cookie
        role = self.tokens.role_of(token)
        if role is Role.NOBODY:
            return 401, "give a token: Authorization: Bearer ..."
        return (0, "") if role >= needed else (403, "this token may read, not run")


class Pace:
    """How often one address may ask: `rate_per_s`, after a burst of `burst`."""

    MOST_ADDRESSES = 10_000

    def __init__(self, rate_per_s: float, burst: int) -> None:
        self._rate_per_s, self._burst = rate_per_s, burst
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def wait_s(self, address: str) -> float:
        """Count a request; seconds until the next one is welcome, 0 when this one is."""
        now = time.monotonic()
        with self._lock:
            left, then = self._left.pop(address, (float(self._burst), now))
            left = min(self._burst, left + (now - then) * self._rate_per_s)
            welcome = left >= 1
            self._left[address] = (left - welcome, now)
            if len(self._left) > self.MOST_ADDRESSES:
                del self._left[next(iter(self._left))]
        return 0.0 if welcome else (1 - left) / self._rate_per_s
