"""Facts about the Locust file of the manifests: a real Locust runs it, by the mounted configuration."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.process import RunningSimulator
from tests.deploy.manifests import named, rendered

pytestmark = pytest.mark.deploy
QUICK = SimulatorOptions.model_validate({"backend": "tgi", "ttft": "20ms", "itl": "2ms"})


@pytest.mark.parametrize("name", ["sidecar", "locust-operator"])
def test_a_plain_locust_loads_the_configured_target(name: str, tmp_path: Path) -> None:
    """Without a host on its command line, and as long as the configuration says."""
    objects = rendered(name)
    data = named(objects, "ConfigMap", "inferswarm-config")["data"]
    content = named(objects, "ConfigMap", "inferswarm-locustfile")["data"]["locustfile.py"]
    (tmp_path / "locustfile.py").write_text(content.replace("/etc/inferswarm", str(tmp_path)))
    (tmp_path / "metrics.yaml").write_text(data["metrics.yaml"])
    with RunningSimulator(QUICK) as simulator:
        run = yaml.safe_load(data["run.yaml"].replace("/etc/inferswarm", str(tmp_path)))
        run["target"]["url"] = simulator.url
        run["request"]["max_output_tokens"] = 7
        (tmp_path / "run.yaml").write_text(yaml.safe_dump(run))
        words = ["--headless", "--users", "2", "--spawn-rate", "2", "--run-time", "3s"]
        ended = subprocess.run(
            [sys.executable, "-m", "inferswarm", "locust", "--locustfile", "locustfile.py", *words],
            capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
        )  # fmt: skip
        truth = simulator.truth()
    assert ended.returncode == 0, ended.stderr
    assert "generate stream" in ended.stdout + ended.stderr
    assert len(truth) > 5
