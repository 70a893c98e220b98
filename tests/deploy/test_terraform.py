"""What deploy/terraform plans, makes, refuses and leaves: with schemas of the real providers."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferswarm.adapters.table import route, wanted
from inferswarm.config.sources import from_mapping, resolve
from inferswarm.config.target import RequestOptions
from inferswarm.config.tree import RunConfig
from inferswarm.errors import InputError
from tests.deploy import terraforming
from tests.deploy.terraforming import MODULE, ROOT, Run, Terraform
from tests.deploy.tools import tool

pytestmark = pytest.mark.deploy
MANIFEST = "kubernetes_manifest."
VERSIONS = ("1.31", "1.37")
EXTERNAL = (
    'service_exposure = "external"',
    'runner_allowed_ranges = ["203.0.113.0/24"]',
    'runner_endpoint_ip = "198.51.100.9"',
    "run_test_automatically = true",
    "create_service_accounts = true",
)
SAMPLES = sorted([MODULE / "sample-terraform.tfvars", *(MODULE / "sample-tfvars").iterdir()])


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terraform]:
    """Terraform with stub providers."""
    with terraforming.stubbed(tmp_path_factory.mktemp("home")) as found:
        yield found


def test_the_files_are_formatted(terraform: Terraform) -> None:
    """`terraform fmt` would change nothing."""
    done = terraform("fmt", "-check", "-recursive", "-diff")
    assert done.code == 0, done.said


def test_the_module_is_valid(terraform: Terraform) -> None:
    """Every argument is one that its provider knows, of the right type."""
    done = terraform("validate", "-no-color")
    assert done.code == 0, done.said


@pytest.mark.parametrize(
    ("file", "right", "wrong", "said"),
    [
        ("buckets.tf", "force_destroy ", "forced_destroy ", "Unsupported argument"),
        ("access.tf", '  role   = "roles/storage.objectViewer"\n', "", "Missing required argument"),
        ("dashboards.tf", "dashboard_json = file(", "dashboard_json = [file(", "Missing item"),
        ("workloads.tf", "rollout = true", "rolled = true", "Unsupported argument"),
        (
            "workloads.tf",
            "data_wo_revision = 1",
            'data_wo_revision = "one"',
            "a number is required",
        ),
    ],
)
def test_a_wrong_argument_is_found(
    terraform: Terraform, tmp_path: Path, file: str, right: str, wrong: str, said: str
) -> None:
    """The schemas can refuse: a name, an absence, a type that the provider would not take."""
    module = terraforming.copied(tmp_path)
    text = (module / file).read_text(encoding="utf-8")
    assert right in text
    (module / file).write_text(text.replace(right, wrong), encoding="utf-8")
    done = terraform("validate", "-no-color", module=module)
    assert done.code == 1
    assert said in done.said


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_sample_plans_a_run_that_inferswarm_takes(
    terraform: Terraform, tmp_path: Path, sample: Path
) -> None:
    """Each sample plans, and its pods are told a run's configuration without a mistake in it."""
    planned = terraform.planned(tmp_path, sample)
    data = planned["kubernetes_manifest.configuration"]["manifest"]["data"]
    givens = from_mapping(yaml.safe_load(data["run.yaml"]), "run.yaml", "run.yaml")
    run = resolve(RunConfig, givens)
    target = run.target
    told = wanted(
        run.request, route(target.backend, target.api), target.model, stream=target.stream
    )
    assert told.max_output_tokens == 1024
    framework = sample.stem if sample.parent.name == "sample-tfvars" else "tgi"
    assert run.target.backend == framework
    assert run.output.upload == "gs://change-me-benchmark-output"
    assert data["DURATION"] == ("60" if sample.parent == MODULE else "120")


@pytest.mark.parametrize("beam", ["false", "true"])
@pytest.mark.parametrize("sample", SAMPLES[1:], ids=lambda sample: sample.stem)
def test_what_a_server_would_refuse_is_refused_at_plan(
    terraform: Terraform, tmp_path: Path, sample: Path, beam: str
) -> None:
    """Several answers are planned where the server's adapter takes them, and refused elsewhere."""
    several = ["-var=best_of=2", f"-var=use_beam_search={beam}"]
    plan = [f"-var-file={sample}", "-input=false", "-no-color"]
    done = terraform("plan", *plan, *several)
    asked = RequestOptions(best_of=2, use_beam_search=beam == "true")
    try:
        wanted(asked, route(sample.stem), "some", stream=False)
    except InputError:
        assert done.code == 1
        assert "leave it out" in done.said
    else:
        assert done.code == 0, done.said


@pytest.mark.parametrize("more", [(), EXTERNAL], ids=["usual", "external"])
def test_kubernetes_knows_every_field_of_what_is_planned(
    terraform: Terraform, tmp_path: Path, more: tuple[str, ...]
) -> None:
    """What Terraform adds to the manifests is as sound as they are: strictly, and to checkov."""
    file = tmp_path / "more.tfvars"
    file.write_text("\n".join(more))
    planned = terraform.planned(tmp_path, SAMPLES[0], file)
    objects = [one["manifest"] for name, one in planned.items() if name.startswith(MANIFEST)]
    known = [one for one in objects if one["kind"] != "PodMonitoring"]
    # Without kustomization.yaml and two accounts, with a namespace.
    usual = len(list((ROOT / "deploy" / "kubernetes" / "base").glob("*.yaml"))) - 3 + 1
    assert len(known) == usual + (5 if more else 0)
    (tmp_path / "objects.yaml").write_text(yaml.safe_dump_all(known))
    for version in (VERSIONS[0], VERSIONS[-1]):
        done = _checked(
            "kubernetes-validate", "-k", version, "--strict", str(tmp_path / "objects.yaml")
        )
        assert done.returncode == 0, done.stdout + done.stderr
    done = _checked(
        "checkov", "--framework", "kubernetes", "--file", str(tmp_path / "objects.yaml")
    )
    assert done.returncode == 0, done.stdout


def _checked(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    quiet = ("--compact", "--quiet", "--skip-download") if name == "checkov" else ()
    command = [str(tool(name)), *words, *quiet]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


def test_terraforms_own_tests_pass(terraform: Terraform) -> None:
    """Every variable does what it says, and every wrong value is refused."""
    done = terraform("test", "-no-color")
    assert done.code == 0, done.said


def test_real_providers_agree(tmp_path: Path) -> None:
    """The providers themselves find the module valid, and its tests pass with them."""
    terraforming.needed()
    cache = terraforming.STUBS.TOOLS / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    terraform = Terraform(
        {
            **terraforming.STUBS.quiet_environment(),
            "TF_PLUGIN_CACHE_DIR": str(cache),
            "TF_DATA_DIR": str(tmp_path / "data"),
        }
    )
    module = terraforming.copied(tmp_path / "tree")
    done = terraform("init", "-input=false", "-no-color", module=module)
    if done.code:
        pytest.skip(
            "the real providers could not be downloaded: run this where Terraform's registry can be "
            "reached, or set TF_CLI_CONFIG_FILE to a mirror"
        )
    for command in ("validate", "test"):
        done = terraform(command, "-no-color", module=module)
        assert done.code == 0, done.said


def test_a_variable_without_effect_fails_its_test(terraform: Terraform, tmp_path: Path) -> None:
    """The tests of effects can fail."""
    module = terraforming.copied(tmp_path)
    file = module / "configuration.tf"
    file.write_text(file.read_text().replace("var.max_output_len }", "1024 }"), encoding="utf-8")
    done = terraform("test", "-no-color", "-filter=tests/effects.tftest.hcl", module=module)
    assert done.code == 1
    assert 'run "max_output_len"... fail' in done.said


@pytest.mark.parametrize("run", terraforming.refused(), ids=lambda run: run.name)
def test_a_wrong_value_is_refused_in_the_words_meant(
    terraform: Terraform, tmp_path: Path, run: Run
) -> None:
    """The plan fails with exactly the message that stands beside the validation."""
    usual, wrong = tmp_path / "usual.tfvars", tmp_path / "wrong.tfvars"
    usual.write_text(terraforming.usual_variables("refusals"), encoding="utf-8")
    wrong.write_text(run.variables, encoding="utf-8")
    files = [f"-var-file={file}" for file in (usual, wrong)]
    done = terraform("plan", "-input=false", "-json", *files)
    said = [json.loads(line) for line in done.said.splitlines() if line.startswith("{")]
    details = [one["diagnostic"]["detail"] for one in said if "diagnostic" in one]
    variable = run.refused_variable
    count = int(re.findall(r"_(\d+)", run.name.removeprefix(f"refused_{variable}"))[0])
    message = terraforming.messages(terraforming.variables()[variable])[count - 1]
    assert done.code == 1
    assert any(detail.startswith(message) for detail in details), details


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"google_storage_buckets": {"buckets": []}}, "create_output_bucket = true"),
        ({"google_storage_buckets": {"buckets": []}}, "create_prompts_bucket = true"),
        ({"kubernetes_resources": {"objects": []}}, "kubectl create serviceaccount"),
    ],
)
def test_what_is_not_there_is_told_at_plan(
    tmp_path: Path, answers: dict[str, Any], said: str
) -> None:
    """A missing bucket or account stops the plan, and the message says how to make it."""
    with terraforming.stubbed(tmp_path / "home", **answers) as terraform:
        done = terraform("plan", "-input=false", "-no-color", f"-var-file={SAMPLES[0]}")
    assert done.code == 1
    assert said in " ".join(done.said.split())


def test_checkov_finds_nothing() -> None:
    """Its policies for Terraform hold, but for what is skipped beside its reason."""
    done = _checked("checkov", "--directory", str(MODULE), "--framework", "terraform")
    assert done.returncode == 0, done.stdout
