"""What happened when: the run cut into equal buckets of time, in bounded memory, merging exactly.

A bucket is `width_s` seconds of Unix time. When the run grows past `LIMIT` buckets the width doubles
and neighbours join, which gives the same buckets as if the wider width had been used from the start;
that is why any split of the records merges to one result.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

import msgspec

from inferswarm.histogram import Histogram
from inferswarm.metrics import METRIC_BY_NAME, TIMELINE_METRICS
from inferswarm.records import Record
from inferswarm.scales import NS_PER_S
from inferswarm.timing import tokens_upto

LIMIT = 360
_BITS = 5


class Bucket(msgspec.Struct):
    """Counts and coarse distributions of one span of time.

    Latencies belong to the bucket in which their request ended, tokens to the one in which they came.
    `start_rest_ns` and `end_rest_ns` sum what was left of the bucket when requests started and ended:
    the time-weighted concurrency follows from them without a walk over each request's span.
    """

    started: int = 0
    ended: int = 0
    succeeded: int = 0
    start_rest_ns: int = 0
    end_rest_ns: int = 0
    output_tokens: int = 0
    input_tokens: int = 0
    latency: dict[str, Histogram] = {}

    def join(self, other: "Bucket") -> None:
        """Add the counts of `other`."""
        self.started += other.started
        self.ended += other.ended
        self.succeeded += other.succeeded
        self.start_rest_ns += other.start_rest_ns
        self.end_rest_ns += other.end_rest_ns
        self.output_tokens += other.output_tokens
        self.input_tokens += other.input_tokens
        for name, histogram in other.latency.items():
            self.histogram(name).merge(histogram)

    def histogram(self, name: str) -> Histogram:
        """The distribution of one metric in this bucket, made when first asked for."""
        return self.latency.setdefault(name, Histogram(bits=_BITS))


class Timeline(msgspec.Struct):
    """Buckets by index: bucket i covers [i, i+1) times `width_s` seconds of Unix time."""

    width_s: int = 1
    buckets: dict[int, Bucket] = {}

    def add_all(self, records: Iterable[Record]) -> None:
        """Count records: their starts, their ends and, of those that succeeded, tokens and latencies."""
        succeeded: dict[int, list[Record]] = {}
        for record in records:
            self._add(record)
            if record.ok:
                end_s = max(record.start_ns, record.end_ns) // NS_PER_S
                succeeded.setdefault(end_s, []).append(record)
        for end_s, ended in succeeded.items():
            bucket = self._bucket(end_s * NS_PER_S)
            for name in TIMELINE_METRICS:
                bucket.histogram(name).add_all(*METRIC_BY_NAME[name].read(ended))

    def _add(self, record: Record) -> None:
        start, end = record.start_ns, max(record.start_ns, record.end_ns)
        self._reach(start)
        self._reach(end)
        width_ns = self.width_s * NS_PER_S
        first, last = self._bucket(start), self._bucket(end)
        first.started += 1
        first.start_rest_ns += width_ns - start % width_ns
        last.ended += 1
        last.end_rest_ns += width_ns - end % width_ns
        if record.ok:
            last.succeeded += 1
            self._count_tokens(record, width_ns)
            first.input_tokens += record.input_tokens or 0

    def merge(self, other: "Timeline") -> None:
        """Add all of `other`, which may be changed (widened) by this."""
        self.widen(other.width_s)
        other.widen(self.width_s)
        for index, bucket in other.buckets.items():
            self.buckets.setdefault(index, Bucket()).join(bucket)
        self._shrink()

    def widen(self, width_s: int) -> None:
        """Join neighbours until buckets are at least `width_s` wide."""
        while self.width_s < width_s:
            joined: dict[int, Bucket] = {}
            for index in sorted(self.buckets):
                bucket = self.buckets[index]
                if index % 2 == 0:
                    bucket.start_rest_ns += bucket.started * self.width_s * NS_PER_S
                    bucket.end_rest_ns += bucket.ended * self.width_s * NS_PER_S
                joined.setdefault(index // 2, Bucket()).join(bucket)
            self.buckets = joined
            self.width_s *= 2

    def concurrency(self) -> Iterator[tuple[int, float]]:
        """(bucket index, mean number of requests in flight) for every bucket from first to last."""
        width_ns = self.width_s * NS_PER_S
        in_flight = 0
        for index in self.span():
            bucket = self.buckets.get(index, Bucket())
            busy = in_flight * width_ns + bucket.start_rest_ns - bucket.end_rest_ns
            yield index, busy / width_ns
            in_flight += bucket.started - bucket.ended

    def span(self) -> range:
        """Indices from the first to the last bucket, empty ones included."""
        return range(min(self.buckets), max(self.buckets) + 1) if self.buckets else range(0)

    def latest(self, now_ns: int, seconds: int) -> tuple[Bucket, int]:
        """The last few whole buckets before `now_ns` as one, and how many seconds they cover."""
        # Deltas arrive once a second, so the newest bucket or two are still filling.
        width_ns = self.width_s * NS_PER_S
        last = min(now_ns // width_ns - 2, max(self.buckets, default=0))
        first = max(last - max(1, seconds // self.width_s) + 1, min(self.buckets, default=0))
        joined = Bucket()
        for index in range(first, last + 1):
            joined.join(self.buckets.get(index, Bucket()))
        return joined, max(1, last - first + 1) * self.width_s

    def _count_tokens(self, record: Record, width_ns: int) -> None:
        """Share the output tokens among the buckets in which their chunks came."""
        chunks = record.chunk_ns
        counted, done = 0, 0
        while done < len(chunks):
            at = record.sent_ns + chunks[done]
            border = (at // width_ns + 1) * width_ns - record.sent_ns
            done = bisect_left(chunks, border, done + 1)
            upto = tokens_upto(record, done)
            self._bucket(at).output_tokens += upto - counted
            counted = upto

    def _bucket(self, at_ns: int) -> Bucket:
        index = at_ns // (self.width_s * NS_PER_S)
        bucket = self.buckets.get(index)
        if bucket is None:
            bucket = self.buckets[index] = Bucket()
        return bucket

    def _reach(self, at_ns: int) -> None:
        index = at_ns // (self.width_s * NS_PER_S)
        if index not in self.buckets:
            self.buckets[index] = Bucket()
            self._shrink()

    def _shrink(self) -> None:
        while self.buckets and max(self.buckets) - min(self.buckets) >= LIMIT:
            self.widen(self.width_s * 2)
