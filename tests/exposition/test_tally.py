"""Facts about what is counted over a master's life."""

import random

from inferswarm.exchange import Outcome
from inferswarm.exposition.declared import DISTRIBUTIONS, QUANTILE_ERROR
from inferswarm.exposition.families import Buckets, Family
from inferswarm.exposition.tally import MOST_KINDS, Ledger
from inferswarm.histogram import Histogram
from inferswarm.records import Record
from inferswarm.scales import NS_PER_S
from inferswarm.summary import Summary
from tests.builders import MS, failure, record


def summary_of(records: list[Record]) -> Summary:
    """What some records come to."""
    summary = Summary()
    summary.add_all(records)
    return summary


def values(ledger: Ledger) -> dict[tuple[str, tuple[str, ...]], float | Buckets]:
    """All values by name and labels."""
    return {
        (family.declared.name, tuple(value for _, value in labels)): value
        for family in ledger.families()
        for labels, value in family.values
    }


def numbers(family: Family) -> list[float]:
    """Every number of a family, in order."""
    found: list[float] = []
    for _, value in family.values:
        found += [*value.upto, value.total] if isinstance(value, Buckets) else [value]
    return found


def test_counters_equal_the_records() -> None:
    """By outcome, and tokens by where they come from."""
    ledger = Ledger()
    records = [record(k=k, bytes_in=10, bytes_out=3) for k in range(5)]
    records.append(failure(Outcome.HTTP_STATUS, k=5, status=503))
    ledger.begin("vllm", "m", summary_of(records))
    found = values(ledger)
    assert found["inferswarm_requests_total", ("vllm", "m", "ok")] == 5
    assert found["inferswarm_requests_total", ("vllm", "m", "http_503")] == 1
    assert found["inferswarm_output_tokens_total", ("vllm", "m", "server_usage")] == 15
    assert found["inferswarm_input_tokens_total", ("vllm", "m", "server_usage")] == 35
    assert found["inferswarm_received_bytes_total", ("vllm", "m")] == 50
    assert found["inferswarm_sent_bytes_total", ("vllm", "m")] == 15
    ttft = found["inferswarm_ttft_seconds", ("vllm", "m")]
    assert isinstance(ttft, Buckets)
    assert (ttft.upto[-1], ttft.total) == (5, 1.0)


def test_runs_of_one_kind_add_up_and_others_stand_beside() -> None:
    """One run after another, and a model that comes back."""
    ledger = Ledger()
    for model, count in (("a", 2), ("b", 3), ("a", 4)):
        ledger.begin("vllm", model, summary_of([record(k=k) for k in range(count)]))
    found = values(ledger)
    assert found["inferswarm_requests_total", ("vllm", "a", "ok")] == 6
    assert found["inferswarm_requests_total", ("vllm", "b", "ok")] == 3
    assert found["inferswarm_runs_total", ("vllm", "a")] == 2
    assert ledger.latest.attempted == 4


def test_nothing_ever_falls_while_records_come_and_runs_follow() -> None:
    """Neither a count nor a bucket, whatever values come; and each bucket holds those before it."""
    rng, ledger, before = random.Random(1), Ledger(), dict[str, list[float]]()
    for _ in range(3):
        summary = Summary()
        ledger.begin("vllm", "m", summary)
        for k in range(40):
            first = int(10 ** rng.uniform(5.5, 10.5))
            gap = int(10 ** rng.uniform(4, 9))
            summary.add(record(k=k, chunk_ns=[first, first + gap, first + 2 * gap]))
            for family in ledger.families():
                now, past = numbers(family), before.get(family.declared.name, [])
                assert all(new >= old for new, old in zip(now, past, strict=False))
                before[family.declared.name] = now
    for family in ledger.families():
        for _, value in family.values:
            assert not isinstance(value, Buckets) or list(value.upto) == sorted(value.upto)


def test_a_quantile_of_the_buckets_is_within_the_stated_error() -> None:
    """As Prometheus reads it: on a straight line within the bucket that holds the rank."""
    rng, bounds = random.Random(2), DISTRIBUTIONS[0].bounds_ns
    drawn = sorted(int(rng.lognormvariate(0, 1.5) * 200 * MS) for _ in range(3_000))
    histogram = Histogram()
    histogram.add_all(drawn)
    upto = histogram.counts_upto(bounds)
    for share in (0.5, 0.9, 0.99):
        rank = share * len(drawn)
        at = next(i for i, count in enumerate(upto) if count >= rank)
        low, below = (bounds[at - 1], upto[at - 1]) if at else (0, 0)
        read = low + (bounds[at] - low) * (rank - below) / (upto[at] - below)
        true = drawn[int(rank) - 1]
        assert abs(read - true) / true < QUANTILE_ERROR


def test_there_is_an_end_of_kinds() -> None:
    """Further models are counted together, so that nobody can make a scrape grow without end."""
    ledger = Ledger()
    for number in range(MOST_KINDS + 3):
        ledger.begin("vllm", f"m{number}", summary_of([record()]))
    found = values(ledger)
    kinds = {labels for name, labels in found if name == "inferswarm_runs_total"}
    assert len(kinds) <= MOST_KINDS + 1
    assert ("other", "other") in kinds
    assert sum(v for (name, _), v in found.items() if name == "inferswarm_runs_total") == 67  # type: ignore[misc]


def test_nothing_is_counted_before_the_first_run() -> None:
    """No value, and an empty latest run."""
    assert all(not family.values for family in Ledger().families())
    assert Ledger().latest.attempted == 0
    assert NS_PER_S == 10**9
