"""Options of the simulated inference server."""

from typing import Literal

from pydantic import SecretStr, model_validator

from inferswarm.config.options import Section, option
from inferswarm.config.units import Duration

Backend = Literal["openai", "vllm", "tgi", "tensorrt_llm_triton", "sax", "jetstream", "sglang"]
"""Servers whose routes and wire formats the simulator has."""


class SimulatorOptions(Section):
    """What the simulated server answers, how fast, and what goes wrong."""

    backend: Backend = option(
        "openai",
        "Server that it stands for: its routes, answers and errors. In a run it is the target's.",
        flag="--backend",
    )
    model: str = option("simulated", "Name of the model that it serves.", flag="--model")
    ttft: Duration = option(
        "200ms", "Time from a request's start of service to its first token.", flag="--ttft"
    )
    ttft_sigma: float = option(
        0.0,
        "Spread of the TTFT: 0 is constant, else a lognormal with this sigma and median `ttft`.",
        flag="--ttft-sigma",
        ge=0,
    )
    itl: Duration = option("20ms", "Time between two tokens of an answer.", flag="--itl")
    itl_sigma: float = option(
        0.0,
        "Spread of the ITL: 0 is constant, else a lognormal with this sigma and median `itl`.",
        flag="--itl-sigma",
        ge=0,
    )
    tokens_per_chunk: int = option(
        1, "Tokens written together in one stream event.", flag="--tokens-per-chunk", ge=1
    )
    output_tokens: int = option(
        0,
        "Length of every answer, within what the request allows; 0 means all it allows.",
        flag="--output-tokens",
        unit="tokens",
        ge=0,
    )
    reasoning_tokens: int = option(
        0,
        "First tokens of a chat answer that are reasoning (OpenAI routes of vLLM and SGLang).",
        flag="--reasoning-tokens",
        unit="tokens",
        ge=0,
    )
    cached_tokens: int = option(
        0,
        "Tokens of each prompt that it says came from its cache, where the server tells that.",
        unit="tokens",
        ge=0,
    )
    prefix_cache: bool = option(
        False,
        "Keep a cache of prompt prefixes, in blocks of 16 words or token ids, and tell what came from "
        "it (OpenAI routes and SGLang's /generate).",
        flag="--prefix-cache",
    )
    ttft_per_token: Duration = option(
        "0s", "Time that each token of a prompt adds to its TTFT, unless it is in `prefix_cache`."
    )
    server_timings: bool = option(
        False,
        "Tell times of its own where the server does so only when it is started for it: vLLM's "
        "`metrics`, SGLang's `queue_time`.",
    )
    stream_text: Literal["usual", "incremental", "cumulative"] = option(
        "usual",
        "Text of a stream event: the new tokens or all so far (SGLang's /generate, usually all, "
        "and Triton, usually the new ones).",
    )
    echo_prompt: bool = option(
        False, "Begin answers with the prompt, unless a request says otherwise (Triton)."
    )
    max_concurrency: int = option(
        0,
        "Requests served at once; further ones queue in order of arrival. 0 is without limit.",
        flag="--max-concurrency",
        ge=0,
    )
    error_rate: float = option(
        0.0,
        "Share of requests answered with the server's error: HTTP 500, TGI's 424, or an error event.",
        flag="--error-rate",
        ge=0,
        le=1,
    )
    stream_error_rate: float = option(
        0.0,
        "Share of streams that fail in the middle: with an error object under HTTP 200, or a broken "
        "connection where the server has none. Requests that are not streamed get its error.",
        flag="--stream-error-rate",
        ge=0,
        le=1,
    )
    hangup_rate: float = option(
        0.0,
        "Share of answers whose connection is closed in the middle.",
        flag="--hangup-rate",
        ge=0,
        le=1,
    )
    hang_rate: float = option(
        0.0,
        "Share of requests that are accepted and never answered.",
        flag="--hang-rate",
        ge=0,
        le=1,
    )
    api_key: SecretStr | None = option(
        None, "When set, requests without this bearer token get HTTP 401.", secret=True
    )
    seed: int = option(0, "Seed of every random draw of the simulator.")

    @model_validator(mode="after")
    def _rates_fit(self) -> "SimulatorOptions":
        rates = self.error_rate + self.stream_error_rate + self.hangup_rate + self.hang_rate
        if rates > 1:
            raise ValueError(f"the shares of failures add up to {rates:g}, more than 1")
        return self
