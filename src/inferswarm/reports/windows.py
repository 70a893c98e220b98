"""What a run's numbers are of, and what was left out, in a sentence."""

from inferswarm.window import Window


def sentence(window: Window) -> str:
    """Empty when everything counts and nothing is to be said."""
    if window.method == "run":
        if not window.begin_s:
            return ""
        return (
            f"measured from {window.begin_s:.1f} s to the end; left out: "
            f"{_requests(window.requests_sent_in_warmup)} sent in the warm-up"
        )
    span = f"measured from {window.begin_s:.1f} to {window.end_s:.1f} s"
    left = "; ".join(_left_out(window)) or "nothing"
    return f"{span}; left out: {left}{_hint(window)}"


def _left_out(window: Window) -> list[str]:
    left = []
    if window.requests_sent_in_warmup:
        left.append(f"{_requests(window.requests_sent_in_warmup)} sent in the warm-up")
    if window.requests_ended_in_drain:
        left.append(
            f"of the throughput alone, {_requests(window.requests_ended_in_drain)} that ended after "
            "the load"
        )
    return left


def _hint(window: Window) -> str:
    if window.warmup or not window.suggested_warmup_s:
        return ""
    return f" (--warmup auto would leave out the first {window.suggested_warmup_s:.1f} s)"


def _requests(count: int) -> str:
    return f"{count:,} request{'' if count == 1 else 's'}"
