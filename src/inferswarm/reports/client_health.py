"""How the load generator fared, as rows of the report page."""

from collections.abc import Callable

from inferswarm.reports.charts import Json
from inferswarm.snapshot import ClientStats

MOST_ADDRESSES = 8


def addresses(counts: dict[str, int]) -> str:
    """Requests by address, the busiest few by name."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    named = [
        f"{address}\N{NO-BREAK SPACE}({count:,})" for address, count in ranked[:MOST_ADDRESSES]
    ]
    more = [f"{len(ranked) - MOST_ADDRESSES} more"] if len(ranked) > MOST_ADDRESSES else []
    return ", ".join([*named, *more]) or "none"


ROWS: tuple[tuple[str, str, Callable[[ClientStats], object], str], ...] = (
    ("Workers", "count", lambda c: c.workers, "Processes that sent the load."),
    (
        "Lost workers",
        "",
        lambda c: ", ".join(c.lost_workers) or "none",
        "Workers that fell silent during the run; what they held may be missing.",
    ),
    (
        "Requests by address",
        "",
        lambda c: addresses(c.addresses),
        "The server's addresses that requests went to; a name may stand for several.",
    ),
    ("Recorder", "", lambda c: c.recorder, "What took the arrival times of the answers' bytes."),
    ("Clock", "", lambda c: c.clock, "Where those times come from; the kernel's are the truest."),
    (
        "CPU of the busiest worker",
        "share",
        lambda c: c.cpu_share_max,
        "Share of one core; near 100 % the client itself would add to the latencies.",
    ),
    (
        "CPU of its reading thread",
        "share",
        lambda c: c.reader_cpu_share_max,
        "Share of another core that recording the answers took.",
    ),
    ("Memory of the largest worker", "MB", lambda c: c.memory_max_mb, "Its peak during the run."),
    (
        "Open descriptors, max",
        "count",
        lambda c: c.descriptors_max,
        "Connections and files of one worker; `ulimit -n` bounds them.",
    ),
    (
        "Send lag, p99",
        "ms",
        lambda c: c.send_lag_ms.p99,
        "From due to sent, the opening of connections left out: what the client itself added.",
    ),
    (
        "Loop lag, p99",
        "ms",
        lambda c: c.loop_lag_ms.p99,
        "How late the client's event loop came round; a late loop sends late.",
    ),
    ("Loop lag, max", "ms", lambda c: c.loop_lag_ms.max, "The latest that it ever came round."),
    (
        "Merged reads",
        "share",
        lambda c: c.merged_reads_share,
        "Reads that held several arrivals: the gaps between those are not known one by one.",
    ),
    (
        "Longest collection pause",
        "ms",
        lambda c: c.gc_pause_max_ms,
        "Python's garbage collection stopped the client for at most this long.",
    ),
    (
        "Parse backlog, max",
        "count",
        lambda c: c.parse_backlog_max,
        "Finished answers that waited to be parsed; parsing waits until the loop is idle.",
    ),
    (
        "Forced parse turns",
        "count",
        lambda c: c.parse_turns_forced,
        "Times that parsing could wait no longer and took time from sending and receiving.",
    ),
    (
        "Unwritten records",
        "count",
        lambda c: c.unwritten_records,
        "Requests that were measured but could not be stored.",
    ),
)


def rows(stats: ClientStats) -> list[Json]:
    """How the load generator fared: each value with its unit and what it means."""
    return [
        {"title": title, "value": read(stats), "unit": unit, "sentence": sentence}
        for title, unit, read, sentence in ROWS
    ]
