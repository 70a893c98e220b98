"""Whether a run's numbers can be trusted: VALID, or INVALID with reasons and what to do about each."""

import msgspec

from inferswarm import confidence
from inferswarm.demand import Demand
from inferswarm.histogram import Histogram
from inferswarm.metrics import QUANTILES
from inferswarm.scales import NS_PER_MS
from inferswarm.summary import Summary

ALL_LOST = "all workers were lost"
"""Why a run ends when nobody is left to go on."""
GAVE_UP = "stopped early: nothing but failures"
"""Why a run ends when `load.give_up_after` requests failed and none succeeded."""
MAX_SEND_LAG_P99_NS = 10 * NS_PER_MS
MAX_LOOP_LAG_P99_NS = 20 * NS_PER_MS
MAX_CPU_SHARE = 0.9
MAX_MERGED_SHARE = 0.1
MIN_SENT_IN_TIME = 0.99
MAX_OTHER_LENGTH = 0.01
RELIED_ON = ("p50", "p90", "p95", "p99")
"""The percentiles of which a run should have enough requests."""


class Client(msgspec.Struct):
    """How the load generator itself fared, over all its workers."""

    workers: int = 0
    lost_workers: list[str] = []
    recorder: str = ""
    clock: str = ""
    cpu_share_max: float = 0.0
    reader_cpu_share_max: float = 0.0
    memory_max_bytes: int = 0
    descriptors_max: int = 0
    loop_lag: Histogram = msgspec.field(default_factory=Histogram)
    gc_pause_max_ns: int = 0
    parse_backlog_max: int = 0
    parse_turns_forced: int = 0
    unwritten_records: int = 0
    lost_lease: int = 0

    def merge(self, other: "Client") -> None:
        """Take in what another worker, or the same one later, says of itself."""
        self.recorder, self.clock = other.recorder or self.recorder, other.clock or self.clock
        self.cpu_share_max = max(self.cpu_share_max, other.cpu_share_max)
        self.reader_cpu_share_max = max(self.reader_cpu_share_max, other.reader_cpu_share_max)
        self.descriptors_max = max(self.descriptors_max, other.descriptors_max)
        self.memory_max_bytes = max(self.memory_max_bytes, other.memory_max_bytes)
        self.loop_lag.merge(other.loop_lag)
        self.gc_pause_max_ns = max(self.gc_pause_max_ns, other.gc_pause_max_ns)
        self.parse_backlog_max = max(self.parse_backlog_max, other.parse_backlog_max)
        self.parse_turns_forced += other.parse_turns_forced
        self.unwritten_records += other.unwritten_records
        self.lost_lease += other.lost_lease


class Verdict(msgspec.Struct, frozen=True):
    """`valid`, one sentence for each reason against it, and warnings that leave it valid."""

    valid: bool
    reasons: list[str]
    warnings: list[str] = []


def judge(
    summary: Summary, client: Client, *, complete: bool = True, demand: Demand | None = None
) -> Verdict:
    """Judge a run by what was measured, how the client fared, and what it was to ask for.

    `complete` is False when records are known to be missing (a killed run, a lost worker).
    """
    demand = demand or Demand()
    reasons = [*_of_data(summary, complete=complete), *_of_client(summary, client)]
    reasons += _of_lag(summary) if demand.due is None else of_arrivals(summary, demand.due)
    late, other = _of_loop(client), of_lengths(demand)
    if client.clock == "kernel":
        return Verdict(not reasons, reasons, [*late, *other])
    return Verdict(not (reasons or late), [*reasons, *late], other)


def with_more(verdict: Verdict, reasons: list[str], warnings: list[str]) -> Verdict:
    """A verdict with what another rule found."""
    all_reasons = [*verdict.reasons, *reasons]
    return Verdict(not all_reasons, all_reasons, [*verdict.warnings, *warnings])


def _of_data(summary: Summary, *, complete: bool) -> list[str]:
    reasons = []
    if not summary.succeeded:
        reasons.append("no request succeeded: see the errors by kind")
    if not complete:
        reasons.append("the run did not end in order: records may be missing")
    return reasons


def _of_client(summary: Summary, client: Client) -> list[str]:
    reasons = []
    if client.lost_workers:
        reasons.append(f"workers lost during the run: {', '.join(client.lost_workers)}")
    if client.unwritten_records:
        reasons.append(f"{client.unwritten_records} records could not be written to the run folder")
    if client.lost_lease:
        reasons.append(
            f"{client.lost_lease} arrivals were not sent: their worker had not heard from the master in "
            "time; look for a frozen machine or a broken network"
        )
    if client.cpu_share_max > MAX_CPU_SHARE:
        reasons.append(
            f"a worker used {client.cpu_share_max:.0%} of its core "
            f"(more than {MAX_CPU_SHARE:.0%}): add workers or lower the load"
        )
    if summary.reads and summary.merged_reads / summary.reads > MAX_MERGED_SHARE:
        reasons.append(
            f"{summary.merged_reads / summary.reads:.0%} of reads held several arrivals (more than "
            f"{MAX_MERGED_SHARE:.0%}): gaps inside them are bounds; the server or something on the way "
            "sends tokens together, or the client reads late (then add workers)"
        )
    return reasons


def _of_lag(summary: Summary) -> list[str]:
    lag = summary.client_lag.quantile(0.99)
    if lag > MAX_SEND_LAG_P99_NS:
        return [
            (
                f"p99 send lag, connections already open, was {lag / NS_PER_MS:.1f} ms "
                f"(more than {MAX_SEND_LAG_P99_NS // NS_PER_MS} ms): requests left late; add workers"
            )
        ]
    return []


def of_arrivals(summary: Summary, due: int) -> list[str]:
    """A schedule of which less was sent in time was another load than the one asked for."""
    late = _late(summary.client_lag) - _late(summary.conversations.lag)
    never = max(0, due - summary.arrivals)
    in_time = max(0, due - never - late)
    if not due or in_time / due >= MIN_SENT_IN_TIME:
        return []
    return [
        (
            f"only {in_time:,} of {due:,} arrivals ({in_time / due:.1%}, less than "
            f"{MIN_SENT_IN_TIME:.0%}) were sent in time: {late:,} left more than "
            f"{MAX_SEND_LAG_P99_NS // NS_PER_MS} ms late, {never:,} never; add workers, raise "
            "load.max_in_flight, or lower the rate"
        )
    ]


def _late(lag: Histogram) -> int:
    return lag.count - lag.count_upto(MAX_SEND_LAG_P99_NS)


def of_lengths(demand: Demand) -> list[str]:
    """Answers of another length than asked for are other work, but truly measured: warnings."""
    most = f"{demand.longest:,}"
    if demand.shortest != demand.longest:
        most = f"{demand.shortest:,} to {most}"
    least = most if demand.exact else f"{demand.least:,}"
    said = (
        (demand.short, "shorter", least, "does it know ignore_eos and a least length?"),
        (demand.long, "longer", most, "does it know an upper bound?"),
    )
    return [
        f"{count / demand.counted:.0%} of {demand.counted:,} answers were {which} than the "
        f"{asked} tokens that the server was asked for: {question}"
        for count, which, asked, question in said
        if count > MAX_OTHER_LENGTH * demand.counted
    ]


def of_sample(count: int) -> list[str]:
    """So few requests that a percentile has no upper bound: a warning."""
    missing = [name for name in RELIED_ON if count < confidence.least_count(QUANTILES[name])]
    if not count or not missing:
        return []
    needed = ", ".join(f"{confidence.least_count(QUANTILES[name]):,}" for name in missing)
    return [
        (
            f"{count:,} successful requests are too few to rely on {', '.join(missing)} "
            f"({needed} are needed)"
        )
    ]


def _of_loop(client: Client) -> list[str]:
    """A late loop makes its own clock's times late; the kernel's stay true, only asking is slower."""
    lag = client.loop_lag.quantile(0.99)
    if not lag > MAX_LOOP_LAG_P99_NS:
        return []
    what = "users asked again late" if client.clock == "kernel" else "arrival times may be late"
    return [
        (
            f"p99 loop lag of the client was {lag / NS_PER_MS:.1f} ms (more than "
            f"{MAX_LOOP_LAG_P99_NS // NS_PER_MS} ms): {what}; add workers, or take a machine that the "
            "server does not share"
        )
    ]
