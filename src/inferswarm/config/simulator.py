"""Options of the simulated inference server."""

from pydantic import SecretStr, model_validator

from inferswarm.config.options import Section, option
from inferswarm.config.units import Duration


class SimulatorOptions(Section):
    """What the simulated server answers, how fast, and what goes wrong."""

    model: str = option("simulated", "Name of the model that it serves.")
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
    max_concurrency: int = option(
        0,
        "Requests served at once; further ones queue in order of arrival. 0 is without limit.",
        flag="--max-concurrency",
        ge=0,
    )
    error_rate: float = option(
        0.0, "Share of requests answered with HTTP 500.", flag="--error-rate", ge=0, le=1
    )
    stream_error_rate: float = option(
        0.0,
        "Share of streams that fail in the middle with an error object under HTTP 200; "
        "requests that are not streamed get HTTP 500.",
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
