"""Facts about where token counts come from."""

import pytest

from inferswarm.tokens import Counts, best_counts


@pytest.mark.parametrize(
    ("told_input", "told_output", "counts"),
    [
        (7, 9, Counts(7, "server_usage", 9, "server_usage")),
        (None, 9, Counts(None, "", 9, "server_usage")),
        (7, None, Counts(7, "server_usage", 4, "chunks")),
        (None, None, Counts(None, "", 4, "chunks")),
        (0, 0, Counts(0, "server_usage", 0, "server_usage")),
    ],
)
def test_what_the_server_told_goes_before_chunks(
    told_input: int | None, told_output: int | None, counts: Counts
) -> None:
    """Each number says its source, and chunks only stand in for what was not told."""
    assert best_counts(told_input, told_output, "server_usage", 4) == counts


def test_a_tokenizers_count_of_the_prompt_stands_in_for_the_servers() -> None:
    """Only where the server told none; the output has its own source."""
    counts = best_counts(None, 9, "server_usage", 4, prompt_tokens=5)

    assert counts == Counts(5, "tokenizer", 9, "server_usage")
    assert best_counts(7, None, "server_meta", 4, prompt_tokens=5).input_tokens == 7
