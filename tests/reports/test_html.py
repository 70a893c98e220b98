"""Facts about the report page as text: what it carries, and that nothing in it can do harm."""

import csv
import io
import json
from html.parser import HTMLParser

import pytest

from inferswarm.exchange import OUTCOME_SENTENCES, Outcome
from inferswarm.metrics import METRICS
from inferswarm.reports import html
from inferswarm.reports.fill import asset
from inferswarm.snapshot import Snapshot, take, to_json
from inferswarm.summary import Summary
from inferswarm.verdict import Client

from . import sample_run

MAX_BYTES = 2_000_000


class Reader(HTMLParser):
    """Collects what a browser would see: elements, their attributes, and texts of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the element, and whose text comes next."""
        self.tags.append((tag, dict(attrs)))
        self._inside = f"{tag}{dict(attrs).get('id') or len(self.tags)}"

    def handle_data(self, data: str) -> None:
        """Add to the text of the element last opened."""
        self.texts[self._inside] = self.texts.get(self._inside, "") + data


@pytest.fixture(scope="module")
def summary() -> Summary:
    """Eight users over half a minute, and one hostile server error."""
    made = sample_run.summary_of(sample_run.records(users=8, ramp_s=2, duration_s=30))
    made.add(sample_run.failure(k=100_000))
    return made


@pytest.fixture(scope="module")
def snapshot(summary: Summary) -> Snapshot:
    """Its published numbers."""
    return sample_run.snapshot_of(summary)


@pytest.fixture(scope="module")
def page(snapshot: Snapshot, summary: Summary) -> str:
    """The page of that run."""
    return html.render(snapshot, summary)


def test_page_is_small(page: str) -> None:
    """The whole page, chart library included, stays well within what can be sent by mail."""
    assert len(page.encode()) < MAX_BYTES


def test_page_refers_to_nothing_outside_itself(page: str) -> None:
    """No element names a source or a link beyond the page's own anchors and empty data."""
    given = [
        attrs.get(name) for _, attrs in Reader(page).tags for name in ("src", "href", "action")
    ]
    assert all(value is None or value.startswith(("#", "data:")) for value in given)


def test_page_leaves_no_placeholder(page: str) -> None:
    """Every placeholder of the template is filled."""
    own = page.replace(asset("echarts.common.min.js"), "")
    assert "{{" not in own.replace(asset("page.js"), "")


def test_hostile_body_stays_inside_its_json(page: str) -> None:
    """An error body with markup comes out as the same text, and makes no element."""
    assert "<img" not in page.replace(asset("echarts.common.min.js"), "")
    reader = Reader(page)
    assert "img" not in [tag for tag, _ in reader.tags]
    view = json.loads(reader.texts["scriptview"])
    bodies = [s["body"] for error in view["errors"] for s in error["samples"]]
    assert sample_run.HOSTILE in bodies


def test_embedded_snapshot_is_summary_json(page: str, snapshot: Snapshot) -> None:
    """What the page offers to download is what `summary.json` says."""
    assert json.loads(Reader(page).texts["scriptsnapshot"]) == json.loads(to_json(snapshot))


def test_title_of_the_tab_is_escaped(summary: Summary) -> None:
    """A model's name cannot bring markup into the page's head."""
    evil = sample_run.snapshot_of(summary, model="</title><img src=x>")
    assert "VALID · &lt;/title&gt;&lt;img" in html.render(evil, summary)


def test_facts_come_from_the_run_or_else_the_configuration(summary: Summary) -> None:
    """A fact missing in `run` is looked for in the configuration; unknown ones are left out."""
    bare = take(summary, Client(), config={"target": {"backend": "tgi"}, "model": "m"})
    assert html.facts(bare) == [("Backend", "tgi"), ("Model", "m")]
    started = dict(html.facts(sample_run.snapshot_of(summary)))["Started"]
    assert started == "2026-02-02 02:40:00 UTC"


def test_an_open_loop_names_its_arrivals_instead_of_users(summary: Summary) -> None:
    """Where requests are due by a schedule, how many users there were means nothing."""
    closed = dict(html.facts(sample_run.snapshot_of(summary, arrivals="")))
    assert (closed["Users"], closed.get("Arrivals")) == ("64", None)
    opened = dict(html.facts(sample_run.snapshot_of(summary, arrivals="poisson 200/s")))
    assert (opened["Arrivals"], opened.get("Users")) == ("poisson 200/s", None)


def test_an_unreadable_start_is_shown_as_given(summary: Summary) -> None:
    """A start that is no ISO date is passed on, not an error."""
    assert ("Started", "at noon") in html.facts(sample_run.snapshot_of(summary, started="at noon"))


def test_headline_counts_successes_and_names_the_source(snapshot: Snapshot) -> None:
    """The four cards are the published numbers, tokens with where they were counted."""
    cards = {card["title"]: card for card in html.headline(snapshot)}
    assert cards["Output tokens/s"]["value"] == snapshot.throughput.output_tokens_per_s
    assert cards["Output tokens/s"]["note"] == "counted by server_usage"
    share = snapshot.requests.succeeded / snapshot.requests.attempted
    assert cards["Success"]["value"] == share


def test_latencies_say_why_there_are_none() -> None:
    """Without streams TTFT is unknown; without success everything is."""
    unstreamed = sample_run.summary_of(sample_run.successes(3, streamed=False))
    shown = html.latencies(sample_run.snapshot_of(unstreamed))
    assert ["streamed" in one["note"] for one in shown] == [True, True, False]
    nothing = html.latencies(sample_run.snapshot_of(Summary()))
    assert {one["note"] for one in nothing} == {"no success"}


def test_errors_are_ranked_and_explained(summary: Summary) -> None:
    """Every kind has its count, its share of all requests and its sentence."""
    made = html.errors(summary)
    counts = [error["count"] for error in made]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == summary.failed
    sentences = {error["kind"]: error["sentence"] for error in made}
    assert sentences["http_500"] == "The server answered 500 (Internal Server Error)."
    assert html.errors(sample_run.summary_of(sample_run.successes(2))) == []


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_a_sentence(outcome: Outcome) -> None:
    """No kind of failure can leave the page without its meaning."""
    summary = Summary(attempted=1, by_kind={str(outcome): 1})
    sentences = [error["sentence"] for error in html.errors(summary)]
    assert sentences == ([] if outcome is Outcome.OK else [OUTCOME_SENTENCES[outcome]])


def test_what_the_server_told_is_cut_into_parts() -> None:
    """Each part has its mean and its share; nothing is shown where nothing was told."""
    made = sample_run.summary_of(sample_run.told(4, queue=3 * sample_run.MS))
    shot = sample_run.snapshot_of(made)
    shown = html.time_to_first_token(shot)
    assert shown
    assert [part["name"] for part in shown["parts"]] == ["client", "queue", "rest"]
    assert shown["parts"][1]["mean"] == 3
    assert shown["whole"]["mean"] == shot.metrics["ttft_due"].mean
    assert html.view(shot, made)["first_token"] == shown
    assert html.time_to_first_token(sample_run.snapshot_of(Summary())) is None


def test_the_page_carries_the_sources_of_its_tokens(snapshot: Snapshot, summary: Summary) -> None:
    """The view has every source with its count, and what to beware of."""
    made = html.view(snapshot, summary)["tokens"]
    assert [(one["name"], one["output"]) for one in made["sources"]] == [
        ("server_usage", snapshot.tokens.output)
    ]
    assert made["cautions"] == []


def test_metrics_csv_has_one_line_for_each_metric(snapshot: Snapshot) -> None:
    """The table reads back with full precision, empty where a number does not exist."""
    rows = list(csv.DictReader(io.StringIO(html.metrics_csv(snapshot.metrics))))
    assert [row["metric"] for row in rows] == [metric.name for metric in METRICS]
    assert float(rows[0]["p50"]) == snapshot.metrics["ttft"].p50
    ttft = snapshot.metrics["ttft"].ci95["p50"]
    row = next(row for row in rows if row["metric"] == "ttft")
    assert ttft is not None
    assert (float(row["p50_low"]), float(row["p50_high"])) == ttft
    nothing = html.metrics_csv(sample_run.snapshot_of(Summary()).metrics)
    assert next(csv.DictReader(io.StringIO(nothing)))["p50"] == ""


def test_configuration_is_flattened_by_section(snapshot: Snapshot) -> None:
    """Sections keep their names, deeper keys are dotted, and nothing is left out."""
    made = {part["title"]: dict(part["rows"]) for part in html.sections(snapshot)}
    assert made["general"] == {"seed": "7"}
    assert made["target"]["headers.x-team"] == "search"
    assert made["prompts"]["input_tokens"] == "[200, 2000]"
    assert made["timeouts"]["total"] == html.NOTHING
    assert made["this run"]["simulated"] == "false"


@pytest.mark.parametrize("made", [Summary(), sample_run.summary_of([sample_run.refused()])])
def test_a_page_is_made_of_any_run(made: Summary) -> None:
    """Nothing sent, or nothing answered: the page says so instead of failing."""
    assert "INVALID · run" in html.render(take(made, Client()), made)
