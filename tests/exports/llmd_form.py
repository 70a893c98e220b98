"""The form of an llm-d Benchmark Report v0.2 as a JSON schema, restated from its facts.

Source: github.com/llm-d/llm-d-benchmark, llmdbenchmark/analysis/benchmark_report/, `schema_v0_2.py`,
`schema_v0_2_components.py` and `base.py` (Pydantic models of version "0.2"; 0.2.1 only adds). Unknown
names are refused but in generic components and in `observability`.
"""

from typing import Any

Json = dict[str, Any]

TIME, PER_TOKEN, COUNT = ["ms", "s"], ["ms/token", "s/token"], ["count"]
TEXT: Json = {"type": "string"}
INSTANT: Json = {"type": "string", "format": "date-time"}
ANYTHING: Json = {}
AMOUNT: Json = {"type": "integer", "minimum": 0}
SHARES = ("p0p1", "p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "p99p9")


def closed(required: tuple[str, ...] = (), **properties: Json) -> Json:
    """An object of these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def distribution(units: list[str]) -> Json:
    """Statistics of one quantity in one of these units."""
    number: Json = {"type": "number"}
    names = ("mean", "mode", "min", "max", *SHARES)
    return closed(
        ("units", "mean"),
        units={"enum": units},
        stddev={"type": "number", "minimum": 0},
        **dict.fromkeys(names, number),
    )


LENGTH = closed(
    ("distribution", "value"),
    distribution={"enum": ["fixed", "gaussian", "uniform", "other"]},
    value={"type": "number", "minimum": 0},
    std_dev={"type": "number", "minimum": 0},
    min=AMOUNT,
    max={"type": "integer", "minimum": 1},
)
NATIVE = closed(args={"type": "object"}, envars={"type": "object"}, config=ANYTHING)
RUN = closed(
    ("uid",),
    uid=TEXT,
    eid=TEXT,
    cid=TEXT,
    pid=TEXT,
    user=TEXT,
    description=TEXT,
    time=closed(
        start=INSTANT,
        end=INSTANT,
        duration={"type": "string", "pattern": r"^PT[0-9]+(\.[0-9]+)?S$"},
    ),
    keywords={"type": "array", "items": TEXT},
)
COMPONENT = closed(
    ("metadata", "standardized", "native"),
    metadata=closed(
        ("label", "cfg_id"), schema_version=TEXT, label=TEXT, cfg_id=TEXT, description=TEXT
    ),
    standardized={
        "type": "object",
        "properties": {"kind": {"const": "generic"}, "tool": TEXT, "tool_version": TEXT},
        "required": ["kind", "tool", "tool_version"],
    },
    native=NATIVE,
)
LOAD = closed(
    ("metadata", "standardized", "native"),
    metadata=closed(schema_version=TEXT, cfg_id=TEXT, description=TEXT),
    standardized=closed(
        ("tool", "tool_version", "source", "input_seq_len"),
        tool=TEXT,
        tool_version=TEXT,
        parallelism={"type": "integer", "minimum": 1},
        source={"enum": ["random", "sampled", "unknown"]},
        stage=AMOUNT,
        input_seq_len=LENGTH,
        output_seq_len=LENGTH,
        multi_turn=closed(enabled={"type": "boolean"}, max_turns=LENGTH),
        rate_qps={"type": "number", "exclusiveMinimum": 0},
        concurrency={"type": "integer", "minimum": 1},
    ),
    native=NATIVE,
)
TOKENS_PER_S = distribution(["tokens/s"])
AGGREGATE = closed(
    requests=closed(
        ("total",),
        total=AMOUNT,
        failures=AMOUNT,
        incomplete=AMOUNT,
        input_length=distribution(COUNT),
        output_length=distribution(COUNT),
    ),
    latency=closed(
        time_to_first_token=distribution(TIME),
        normalized_time_per_output_token=distribution(PER_TOKEN),
        time_per_output_token=distribution(PER_TOKEN),
        inter_token_latency=distribution(PER_TOKEN),
        request_latency=distribution(TIME),
    ),
    throughput=closed(
        input_token_rate=TOKENS_PER_S,
        output_token_rate=TOKENS_PER_S,
        total_token_rate=TOKENS_PER_S,
        request_rate=distribution(["queries/s"]),
    ),
)
SCHEMA: Json = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **closed(
        ("run", "results"),
        version={"const": "0.2"},
        run=RUN,
        scenario=closed(stack={"type": "array", "items": COMPONENT}, load=LOAD),
        results=closed(
            request_performance=closed(aggregate=AGGREGATE),
            observability={"type": "object"},
            profiling=ANYTHING,
            component_health={"type": "array"},
        ),
    ),
}
