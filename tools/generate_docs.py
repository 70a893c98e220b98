"""Write the generated parts of the documentation again: `python tools/generate_docs.py [--check]`.

A page holds them between `<!-- generated: NAME -->` and `<!-- end of NAME -->`; everything else in it
is written by hand. `summary.schema.json` is generated as a whole. With `--check` nothing is written:
each file that is stale is named, and the exit code is 1.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import inspect

from inferswarm import confidence, snapshot, timeline, verdict
from inferswarm.adapters.table import BACKENDS
from inferswarm.cli.main import COMMANDS
from inferswarm.config.simulator import SimulatorOptions
from inferswarm.config.sources import Option, options_of
from inferswarm.config.tree import ALIASES, ENVIRONMENT_ALIASES, RunConfig, SimulateConfig
from inferswarm.exchange import OUTCOME_SENTENCES
from inferswarm.exports import llmd_report, requests_csv
from inferswarm.exports.columns import COLUMNS, DERIVED, Column
from inferswarm.exports.formats import FORMATS
from inferswarm.exposition.declared import EDGE_ERROR, OURS, QUANTILE_ERROR
from inferswarm.exposition.families import Declared
from inferswarm.exposition.locust_names import LOCUST
from inferswarm.goals.presets import PRESETS
from inferswarm.histogram import Histogram
from inferswarm.metrics import METRIC_BY_NAME, METRICS, QUANTILES
from inferswarm.otel.declared import KINDS
from inferswarm.scales import NS_PER_MS

DOCS = Path(__file__).parents[1] / "docs"
SCHEMA = "summary.schema.json"
_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; a bar within a cell does not end it."""
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def metrics() -> str:
    """Every metric as `inferswarm.metrics` declares it."""
    return table(
        ("name", "title", "unit", "definition", "elsewhere"),
        ((f"`{m.name}`", m.title, m.unit, m.sentence, m.aliases) for m in METRICS),
    )


def quantile_error() -> str:
    """How far a published quantile may be from a measured value."""
    whole, bucket = Histogram().relative_error, Histogram(bits=timeline._BITS).relative_error  # noqa: SLF001 - the page must not state a number of its own
    return (
        f"The quantiles of a run are within {whole:.2%} of a measured value, "
        f"those of one bucket of the timeline within {bucket:.2%}.\n"
    )


def least_counts() -> str:
    """How many requests each published percentile needs for an interval."""
    return table(
        ("percentile", "requests"),
        (
            (name.replace("_", "."), f"{confidence.least_count(share):,}")
            for name, share in QUANTILES.items()
        ),
    )


def outcomes() -> str:
    """Every way in which a request can end."""
    return table(
        ("outcome", "meaning"), ((f"`{kind}`", text) for kind, text in OUTCOME_SENTENCES.items())
    )


def thresholds() -> str:
    """The limits that a valid run stays within."""
    rows = (
        (
            "p99 of the send lag, the opening of connections left out",
            f"{verdict.MAX_SEND_LAG_P99_NS / NS_PER_MS:g} ms",
        ),
        (
            "p99 of the client's loop lag (a warning beside the kernel's clock)",
            f"{verdict.MAX_LOOP_LAG_P99_NS / NS_PER_MS:g} ms",
        ),
        ("CPU of the busiest worker, over any second", f"{verdict.MAX_CPU_SHARE:.0%} of a core"),
        ("share of merged reads", f"{verdict.MAX_MERGED_SHARE:.0%}"),
    )
    return table(("measured", "at most"), rows)


def backends() -> str:
    """The names for `--backend`."""
    return table(
        ("backend", "routes (`--api`)", "what"),
        ((f"`{b.name}`", ", ".join(b.apis), b.sentence) for b in BACKENDS.values()),
    )


def commands() -> str:
    """The sub-commands."""
    return table(("command", "what"), ((f"`{c.NAME}`", c.SUMMARY) for c in COMMANDS))


def run_options() -> str:
    """Every option of a run, a table for each section; the simulator's have their own part."""
    sections: dict[str, list[Option]] = {}
    for option in options_of(RunConfig):
        section = option.key.partition(".")[0]
        if section != "simulator":
            sections.setdefault(section, []).append(option)
    titles = {name: RunConfig.model_fields[name].annotation.__doc__ or "" for name in sections}
    parts = (f"### {name}\n\n{titles[name]}\n\n{_options(held)}" for name, held in sections.items())
    return "\n".join(parts)


def simulator_options() -> str:
    """The options of the simulated server."""
    return _options(options_of(SimulatorOptions, "simulator."))


def simulate_options() -> str:
    """What only `inferswarm simulate` has."""
    return _options(o for o in options_of(SimulateConfig) if not o.key.startswith("simulator."))


def _options(options: Iterable[Option]) -> str:
    head = ("key", "flag", "environment variable", "default", "allowed", "what")
    return table(head, map(_option, options))


def _option(option: Option) -> tuple[str, ...]:
    default = option.field.default
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    flags = [option.flag] if option.flag else []
    if option.flag and option.kinds == (bool,):
        flags.append(f"--no-{option.flag.removeprefix('--')}")
    unit = f" ({option.unit})" if option.unit else ""
    return (
        f"`{option.key}`",
        ", ".join(f"`{flag}`" for flag in flags),
        f"`{option.environment}`",
        "" if default in (None, "", {}, ()) else f"`{shown}`",
        f"{option.allowed}{unit}",
        option.sentence,
    )


def presets() -> str:
    """The goals known by name."""
    return table(
        ("preset", "goals", "since", "read in"),
        (
            (
                f"`{name}`",
                ", ".join(f"`{goal}`" for goal in one.goals),
                one.since,
                f"[{one.source.rpartition('/')[2]}]({one.source})",
            )
            for name, one in PRESETS.items()
        ),
    )


def export_formats() -> str:
    """What a run can be exported as."""
    rows = ((f"`{one.name}`", f"`{one.file}`", one.sentence) for one in FORMATS.values())
    return table(("format", "file in the run folder", "what"), rows)


def export_columns() -> str:
    """Every column of Parquet, and what it is called in CSV."""
    return table(("Parquet", "type", "CSV", "metric"), map(_column, COLUMNS))


def _column(column: Column) -> tuple[str, ...]:
    in_csv = "" if column.many else f"`{requests_csv.cell(column)[0]}`"
    name = column.name.removesuffix("_ns") if column in DERIVED else ""
    metric = METRIC_BY_NAME[name].title if name else ""
    return f"`{column.name}`", _type(column.type), in_csv, metric


def _type(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.ListType):
        return f"list of {_type(kind.item_type)}"
    if isinstance(kind, inspect.DictType):
        return f"map of {_type(kind.key_type)} to {_type(kind.value_type)}"
    simple = {inspect.BoolType: "bool", inspect.IntType: "int64", inspect.FloatType: "double"}
    return simple.get(type(kind), "string")


def llmd_names() -> str:
    """Our numbers and their names in a Benchmark Report."""
    aggregate = "results.request_performance.aggregate"
    rows = [
        *(
            (here, f"latency.{there}", unit)
            for here, (there, unit) in llmd_report.LATENCIES.items()
        ),
        *((here, f"requests.{there}", "count") for here, there in llmd_report.LENGTHS.items()),
        *(
            (f"throughput.{here}", f"throughput.{there}", unit)
            for here, (there, unit) in llmd_report.RATES.items()
        ),
    ]
    head = ("ours", f"below `{aggregate}`", "unit")
    return table(head, ((f"`{here}`", f"`{there}`", unit) for here, there, unit in rows))


def exposition() -> str:
    """What a master tells Prometheus of its own."""
    return _declared(OURS)


def locust_names() -> str:
    """What it tells by the names of Locust."""
    return _declared(LOCUST)


def _declared(metrics: Iterable[Declared]) -> str:
    return table(
        ("name", "kind", "labels", "what it is"),
        ((f"`{m.name}`", m.kind, ", ".join(m.labels), m.sentence) for m in metrics),
    )


def otel_metrics() -> str:
    """What a collector of OpenTelemetry gets."""
    rows = (
        (f"`{m.name}`", kind, m.unit, m.attribute and f"`{m.attribute}`", m.sentence)
        for kind, held in KINDS.items()
        for m in held
    )
    return table(("name", "kind", "unit", "attribute of its own", "what it is"), rows)


def bucket_error() -> str:
    """How far a quantile that Prometheus reads may be from the true one."""
    return (
        f"A quantile read off them lies in the same bucket as the true one and is off by at most "
        f"{QUANTILE_ERROR:.1%} of it, within these bounds. Values up to "
        f"{EDGE_ERROR:.1%} above a bound may be counted below it. Sums and counts are exact.\n"
    )


def aliases() -> str:
    """Older names of options, and the options they are here."""
    return _pairs("name in a file or in --set", "option", ALIASES)


def environment_aliases() -> str:
    """Older names of environment variables, and the options they are here."""
    return _pairs("environment variable", "option", ENVIRONMENT_ALIASES)


def _pairs(left: str, right: str, pairs: dict[str, str]) -> str:
    return table((left, right), ((f"`{old}`", f"`{key}`") for old, key in pairs.items()))


def schema() -> str:
    """The JSON schema of `summary.json`."""
    return json.dumps(snapshot.json_schema(), indent=2) + "\n"


PARTS: dict[str, Callable[[], str]] = {
    made.__name__: made
    for made in (
        metrics,
        quantile_error,
        least_counts,
        outcomes,
        thresholds,
        backends,
        commands,
        run_options,
        simulator_options,
        simulate_options,
        presets,
        export_formats,
        export_columns,
        llmd_names,
        exposition,
        locust_names,
        bucket_error,
        otel_metrics,
        aliases,
        environment_aliases,
    )
}


def renewed(page: str) -> str:
    """A page with its generated parts as they should be; raises KeyError for an unknown part."""
    return _PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n{found[3]}", page)


def wanted(docs: Path) -> dict[Path, str]:
    """The content that each page and the schema should have."""
    pages = {path: renewed(path.read_text(encoding="utf-8")) for path in docs.glob("*.md")}
    return {**pages, docs / SCHEMA: schema()}


def stale(docs: Path) -> dict[Path, str]:
    """Of those, the ones whose file differs or is missing."""
    return {
        path: text
        for path, text in wanted(docs).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def write(files: dict[Path, str]) -> None:
    """Put each text in its file."""
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Write, or with `--check` only tell; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="Write nothing; fail when stale.")
    parser.add_argument("--docs", type=Path, default=DOCS, help="The folder of the pages.")
    parsed = parser.parse_args(arguments)
    found = stale(parsed.docs)
    for path in found:
        print(f"{path}: {'stale: run `make docs`' if parsed.check else 'written'}")
    if parsed.check:
        return int(bool(found))
    write(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
