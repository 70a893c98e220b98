"""What a run came to: `Summary.add` for each record, `Summary.merge` for parts of a run.

Live view, final report and a report rebuilt from stored records all use this one object. Its memory
does not grow with the number of requests, and for any split of the records the merged summaries equal
the summary of all: sums are integers, samples are the smallest by a fixed order.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from heapq import nsmallest
from typing import Self

import msgspec

from inferswarm.conversations import Conversations
from inferswarm.histogram import Histogram
from inferswarm.metrics import METRICS
from inferswarm.records import Record
from inferswarm.timeline import Timeline
from inferswarm.timing import client_lag_ns, e2e_ns, ttft_ns

SAMPLE_POINTS = 1_000
SAMPLE_ERRORS = 3
_MIX = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


class Point(msgspec.Struct, frozen=True, order=True, array_like=True):
    """One successful request of the scatter sample; ordered by `rank`, which k decides alone."""

    rank: int
    k: int
    sent_ns: int
    input_tokens: int
    prompt_chars: int
    output_tokens: int
    ttft_ns: int
    e2e_ns: int


class ErrorSample(msgspec.Struct, frozen=True, order=True, array_like=True):
    """One failed request, for diagnosis; the earliest of each kind are kept."""

    due_ns: int
    k: int
    worker: int
    detail: str
    body_head: str


class Summary(msgspec.Struct):
    """Counts, distributions, timeline and samples of any number of records.

    `failed_after` has for each kind of failure how long such requests took, from sent (or due, when
    nothing was sent) to the failure.
    """

    attempted: int = 0
    by_kind: dict[str, int] = {}
    metrics: dict[str, Histogram] = {}
    output_tokens_by_source: dict[str, int] = {}
    input_tokens_by_source: dict[str, int] = {}
    client_lag: Histogram = msgspec.field(default_factory=Histogram)
    first_sent_ns: int = 0
    last_end_ns: int = 0
    retries: int = 0
    connections: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    reads: int = 0
    merged_reads: int = 0
    unstamped_reads: int = 0
    timeline: Timeline = msgspec.field(default_factory=Timeline)
    conversations: Conversations = msgspec.field(default_factory=Conversations)
    addresses: dict[str, int] = {}
    points: list[Point] = []
    errors: dict[str, list[ErrorSample]] = {}
    failed_after: dict[str, Histogram] = {}

    @property
    def succeeded(self) -> int:
        """Requests with outcome `ok`."""
        return self.by_kind.get("ok", 0)

    @property
    def failed(self) -> int:
        """All the others."""
        return self.attempted - self.succeeded

    @property
    def arrivals(self) -> int:
        """Requests that began something: all but the further turns of conversations."""
        return self.attempted - self.conversations.further

    @property
    def span_ns(self) -> int:
        """From the first request sent to the end of the last."""
        return self.last_end_ns - self.first_sent_ns

    def metric(self, name: str) -> Histogram:
        """The distribution of one metric; an empty one when nothing was counted."""
        return self.metrics.get(name) or Histogram()

    def add(self, record: Record) -> None:
        """Count one record."""
        self.add_all([record])

    def add_all(self, records: Sequence[Record]) -> None:
        """Count many records; the same as one after the other, for less."""
        self.attempted += len(records)
        _add_counts(self.by_kind, Counter([record.kind for record in records]))
        _add_counts(self.addresses, Counter([one.address for one in records if one.address]))
        for record in records:
            self._widen_span(record.start_ns, record.end_ns)
            self.retries += record.retries
            self.connections += record.connect_ns is not None
            self.bytes_in += record.bytes_in
            self.bytes_out += record.bytes_out
            self.reads += record.reads
            self.merged_reads += record.merged_reads
            self.unstamped_reads += record.unstamped_reads
        self.client_lag.add_all([client_lag_ns(record) for record in records if record.sent_ns])
        self.timeline.add_all(records)
        self.conversations.add_all(records)
        self._add_successes([record for record in records if record.ok])
        for record in records:
            if not record.ok:
                self._add_error(record)

    def merge(self, other: "Summary") -> None:
        """Add all of `other`, which must not be used afterwards."""
        self.attempted += other.attempted
        _add_counts(self.by_kind, other.by_kind)
        for name, histogram in other.metrics.items():
            self._grow(name).merge(histogram)
        self.client_lag.merge(other.client_lag)
        _add_counts(self.output_tokens_by_source, other.output_tokens_by_source)
        _add_counts(self.input_tokens_by_source, other.input_tokens_by_source)
        if other.attempted:
            self._widen_span(other.first_sent_ns, other.last_end_ns)
        _add_counts(self.addresses, other.addresses)
        self.retries += other.retries
        self.connections += other.connections
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out
        self.reads += other.reads
        self.merged_reads += other.merged_reads
        self.unstamped_reads += other.unstamped_reads
        self.timeline.merge(other.timeline)
        self.conversations.merge(other.conversations)
        self.points = nsmallest(SAMPLE_POINTS, self.points + other.points)
        for kind, samples in other.errors.items():
            self.errors[kind] = nsmallest(SAMPLE_ERRORS, self.errors.get(kind, []) + samples)
        for kind, histogram in other.failed_after.items():
            self.failed_after.setdefault(kind, Histogram()).merge(histogram)

    def pack(self) -> bytes:
        """The whole summary as bytes for the way to the master."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """The inverse of `pack`; raises msgspec.DecodeError for other bytes."""
        return msgspec.msgpack.decode(packed, type=cls)

    def canonical(self) -> Self:
        """An equal summary with samples in their final order and number, fit for `==`."""
        same = self.unpack(self.pack())
        same.points = nsmallest(SAMPLE_POINTS, same.points)
        return same

    def _grow(self, name: str) -> Histogram:
        return self.metrics.setdefault(name, Histogram())

    def _add_successes(self, records: Sequence[Record]) -> None:
        for metric in METRICS:
            values, weights = metric.read(records)
            if values:
                self._grow(metric.name).add_all(values, weights)
        for record in records:
            _add_counts(self.output_tokens_by_source, {record.output_source: record.output_tokens})
            if record.input_tokens is not None:
                _add_counts(self.input_tokens_by_source, {record.input_source: record.input_tokens})
            self._add_point(record)

    def _add_point(self, record: Record) -> None:
        self.points.append(
            Point(
                rank=((record.k + 1) * _MIX) & _MASK,
                k=record.k,
                sent_ns=record.sent_ns,
                input_tokens=record.input_tokens or 0,
                prompt_chars=record.prompt_chars,
                output_tokens=record.output_tokens,
                ttft_ns=ttft_ns(record) or 0,
                e2e_ns=e2e_ns(record) or 0,
            )
        )
        if len(self.points) >= 2 * SAMPLE_POINTS:
            self.points = nsmallest(SAMPLE_POINTS, self.points)

    def _add_error(self, record: Record) -> None:
        sample = ErrorSample(
            record.due_ns, record.k, record.worker, record.detail, record.body_head
        )
        kept = self.errors.get(record.kind, [])
        self.errors[record.kind] = nsmallest(SAMPLE_ERRORS, [*kept, sample])
        taken = self.failed_after.setdefault(record.kind, Histogram())
        taken.add(record.end_ns - record.start_ns)

    def _widen_span(self, first_ns: int, last_ns: int) -> None:
        self.first_sent_ns = min(self.first_sent_ns or first_ns, first_ns)
        self.last_end_ns = max(self.last_end_ns, last_ns)


def _add_counts(into: dict[str, int], more: Mapping[str, int]) -> None:
    for key, count in more.items():
        into[key] = into.get(key, 0) + count
