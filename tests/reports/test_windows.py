"""Facts about the sentence that says what the numbers are of."""

import pytest

from inferswarm.reports.windows import sentence
from inferswarm.window import Window


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (Window(end_s=9, run_s=9), ""),
        (
            Window(begin_s=2, end_s=9, run_s=9, warmup="2s", requests_sent_in_warmup=1),
            "measured from 2.0 s to the end; left out: 1 request sent in the warm-up",
        ),
        (Window(method="load", end_s=9), "measured from 0.0 to 9.0 s; left out: nothing"),
        (
            Window(
                method="load",
                begin_s=2,
                end_s=9,
                warmup="2s",
                suggested_warmup_s=4,
                requests_sent_in_warmup=1_200,
                requests_ended_in_drain=8,
            ),
            (
                "measured from 2.0 to 9.0 s; left out: 1,200 requests sent in the warm-up; of the "
                "throughput alone, 8 requests that ended after the load"
            ),
        ),
        (
            Window(method="load", end_s=9, suggested_warmup_s=4),
            (
                "measured from 0.0 to 9.0 s; left out: nothing (--warmup auto would leave out the first "
                "4.0 s)"
            ),
        ),
    ],
)
def test_the_sentence_names_what_was_left_out(window: Window, said: str) -> None:
    """And offers what auto finds to whoever gave no warm-up."""
    assert sentence(window) == said
