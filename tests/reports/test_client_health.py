"""Facts about the rows on the load generator's own health."""

import msgspec

from inferswarm.reports import client_health
from inferswarm.snapshot import ClientStats
from inferswarm.summary import Summary

from . import sample_run


def test_rows_show_every_number_of_the_client() -> None:
    """Each field of the client's health is shown, and changing it changes the page."""
    plain = sample_run.snapshot_of(Summary()).client
    for field in ClientStats.__struct_fields__:
        old = getattr(plain, field)
        new: object = ["w1"] if isinstance(old, list) else "other" if isinstance(old, str) else 77
        if isinstance(old, dict):
            new = {"127.0.0.1:8000": 7}
        if field.endswith("_lag_ms"):
            new = msgspec.structs.replace(old, p99=77.0)
        changed = msgspec.structs.replace(plain, **{field: new})
        assert client_health.rows(changed) != client_health.rows(plain)


def test_addresses_are_named_the_busiest_first() -> None:
    """Every address has its count; of very many only the busiest are named."""
    assert client_health.addresses({"a:1": 1, "b:1": 1_000}) == "b:1\xa0(1,000), a:1\xa0(1)"
    assert client_health.addresses({}) == "none"
    many = client_health.addresses({f"h{i}:1": i for i in range(client_health.MOST_ADDRESSES + 3)})
    assert many.startswith("h10:1\xa0(10), ")
    assert many.endswith(", 3 more")
