"""How often somebody may try to log in at the web side."""

from collections import deque

WINDOW_S = 60.0
MOST_FAILURES = 5
MOST_FAILURES_OF_ALL = 60


class Attempts:
    """Failed logins of the last minute: too many, by one address or by all, and it is to wait."""

    def __init__(self) -> None:
        self._failures: deque[tuple[float, str]] = deque()

    def wait_s(self, address: str, now_s: float) -> float:
        """How long this address must wait before it may try again; 0 when it need not."""
        while self._failures and self._failures[0][0] <= now_s - WINDOW_S:
            self._failures.popleft()
        own = [at for at, who in self._failures if who == address]
        if len(own) >= MOST_FAILURES:
            return own[-MOST_FAILURES] + WINDOW_S - now_s
        if len(self._failures) >= MOST_FAILURES_OF_ALL:
            return self._failures[0][0] + WINDOW_S - now_s
        return 0.0

    def failed(self, address: str, now_s: float) -> None:
        """A wrong name or password was given."""
        self._failures.append((now_s, address))
