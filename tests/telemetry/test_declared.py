"""Facts about which metrics are wanted."""

from pathlib import Path
from typing import get_args

import pytest

from inferswarm.config.simulator import Backend
from inferswarm.errors import InputError
from inferswarm.telemetry.cloud_monitoring import filter_of
from inferswarm.telemetry.declared import read_wanted, shipped
from inferswarm.telemetry.scrape import numbers_of, value_of
from inferswarm.telemetry.values import Read
from tests.builders import CAPTURES

OLD = """{
    'metrics': {
        'DCGM_UTIL': {
            'filter': 'metric.type = "prometheus.googleapis.com/DCGM_FI_DEV_GPU_UTIL/gauge"',
            'type': 'GAUGE',
            'aggregation': ''
        },
        'AVG_TEST_TIME': {
            'filter': 'metric.type = "prometheus/locust_custom_metrics_avg_test_time/gauge"',
            'type': 'GAUGE',
            'aggregation': ''
        }
    }
}"""


def written(tmp_path: Path, text: str) -> Path:
    """A file of metrics."""
    path = tmp_path / "metrics.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("backend", get_args(Backend))
def test_every_kind_of_server_has_metrics_of_its_own_and_of_gpus(backend: str) -> None:
    """None is known for SAX but those of its machines."""
    names = [one.name for one in shipped(backend)]
    assert {"gpu_use", "gpu_memory"} <= set(names)
    assert len(names) > 2 or backend == "sax"


@pytest.mark.parametrize(
    ("backend", "capture", "absent"),
    [
        ("vllm", "vllm-0.32.0.metrics.http", set()),
        ("tensorrt_llm_triton", "triton-2.51.0.metrics.http", {"kv_cache", "gpu"}),
    ],
)
def test_what_ships_is_what_real_servers_tell(backend: str, capture: str, absent: set[str]) -> None:
    """Each of our names is on the page that such a server sent; Triton's had no GPU and no TensorRT."""
    page = (CAPTURES / capture).read_text().replace("\r", "")
    now = numbers_of(page[page.index("# HELP") :])
    grown = {name: value + 1 for name, value in now.items()}
    missing = {
        one.name for one in shipped(backend) if one.of and value_of(one, grown, now, 2.0) is None
    }
    assert missing == absent


def test_files_of_the_old_tool_load_unchanged(tmp_path: Path) -> None:
    """Their prefix for Google Managed Prometheus is mended when it is asked."""
    gpu, time = read_wanted(written(tmp_path, OLD))
    assert (gpu.name, gpu.kind, gpu.aggregation) == ("DCGM_UTIL", "GAUGE", "")
    assert filter_of(gpu) == gpu.filter
    mended = "prometheus.googleapis.com/locust_custom_metrics_avg_test_time/gauge"
    assert filter_of(time) == f'metric.type = "{mended}"'


def test_entries_of_ours_say_more(tmp_path: Path) -> None:
    """Title, panel, unit, and how a number is made of which metric."""
    text = "metrics: {queue: {of: my_seconds, read: p95, unit: ms, scale: 1000, title: Queue}}"
    (one,) = read_wanted(written(tmp_path, text))
    assert (one.of, one.read, one.unit, one.title) == (("my_seconds",), Read.P95, "ms", "Queue")
    assert one.panel == "queue"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("metrics: {a: {}}", "a: asks for nothing; give promql, filter or of"),
        ("metrics: {a: 5}", "a: must be a mapping"),
        (
            "metrics: {a: {promql: up, color: red}}",
            "a: color is not known; an entry has aggregation",
        ),
        ("metrics: {a: {of: x, read: p90}}", "Invalid enum value 'p90'"),
        ("metrics: []", "must have `metrics`"),
        ("up", "must have `metrics`"),
        ("metrics: {", "not valid YAML in line"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """In one line with its path and entry."""
    path = written(tmp_path, text)
    with pytest.raises(InputError) as refused:
        read_wanted(path)
    assert f"--metrics {path}" in str(refused.value)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_may_ask_for_nothing(tmp_path: Path) -> None:
    """A deployment has one whether or not somebody wants more."""
    assert read_wanted(written(tmp_path, "metrics: {}")) == ()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With what to give."""
    with pytest.raises(InputError, match=r"none\.yaml: .*give a YAML file"):
        read_wanted(tmp_path / "none.yaml")
