"""Where prompts come from, which of them are used, and how they are sent."""

from typing import Literal

from pydantic import model_validator

from inferswarm.config.options import Section, option
from inferswarm.config.units import Duration


class PromptOptions(Section):
    """What is asked."""

    source: str = option(
        "",
        "Prompts: a path or gs://, s3://, az://, https:// address of a text file, one prompt a line, or "
        "of a .jsonl, .csv or .parquet file; `synthetic` makes them; empty uses a few built-in ones.",
        flag="--prompts",
    )
    column: str = option(
        "prompt", "Column of a .jsonl, .csv or .parquet file that holds the prompt."
    )
    seed: int = option(0, "Seed of the choice of prompts.", flag="--seed")
    max_prompts: int = option(
        1_000,
        "Use at most this many prompts, a sample by the seed of those that fit.",
        flag="--max-prompts",
        ge=1,
        le=1_000_000,
    )
    min_tokens: int = option(
        4, "Leave out shorter prompts; needs `prompts.tokenizer`.", unit="tokens", ge=0
    )
    max_tokens: int = option(
        1_024,
        "Leave out longer prompts; needs `prompts.tokenizer`.",
        flag="--max-prompt-tokens",
        unit="tokens",
        ge=1,
    )
    tokenizer: str = option(
        "",
        "Tokenizer that counts prompts, and answers whose length no server tells: a Hugging Face name, "
        "a folder or a file; empty: lengths of prompts are not checked.",
        flag="--tokenizer",
    )
    salt: bool = option(
        False,
        "Begin each request with a text of its own, so that no server finds it in its prefix cache.",
        flag="--salt-prompts",
    )
    input_tokens: str = option(
        "512",
        "Length of synthetic prompts: 512, uniform:100..900, normal:512,128, lognormal:512,128 or the "
        "path of a file with `length,weight` lines.",
        flag="--input-tokens",
    )
    output_tokens: str = option(
        "",
        "Length asked of answers to synthetic prompts, written likewise; empty: "
        "`request.max_output_tokens`.",
        flag="--output-tokens",
    )
    token_ids: bool = option(
        False,
        "Send synthetic prompts as token ids of `prompts.tokenizer`, to routes that take them.",
        flag="--token-ids",
    )
    prefix_tokens: int = option(
        0, "Tokens at the start that synthetic prompts of one group share.", unit="tokens", ge=0
    )
    prefix_groups: int = option(1, "Groups of synthetic prompts with a start of their own.", ge=1)
    conversations: Literal["first", "answers", "recorded"] = option(
        "first",
        "Of prompts with several turns, ask the first only, or all, each with what was said before: "
        "the server's own answers, or the recorded ones.",
        flag="--conversations",
    )
    turn_pause: Duration = option(
        "0s",
        "Pause between an answer and the next turn of its conversation.",
        flag="--turn-pause",
    )

    @model_validator(mode="after")
    def _some_fit(self) -> "PromptOptions":
        if self.min_tokens > self.max_tokens:
            raise ValueError(
                f"prompts.min_tokens {self.min_tokens} must not exceed prompts.max_tokens "
                f"{self.max_tokens}"
            )
        for name, usual in _OF_SYNTHETIC.items():
            if self.source != "synthetic" and getattr(self, name) != usual:
                raise ValueError(
                    f"prompts.{name} is for synthetic prompts; give --prompts synthetic"
                )
        return self


_OF_SYNTHETIC = {
    "input_tokens": "512",
    "output_tokens": "",
    "token_ids": False,
    "prefix_tokens": 0,
    "prefix_groups": 1,
}
