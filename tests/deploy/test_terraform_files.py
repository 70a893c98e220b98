"""What the files of deploy/terraform say of each other: names, defaults, rights, tests, the guide."""

import json
import re

import pytest

from tests.deploy import terraforming
from tests.deploy.terraforming import MODULE, ROOT

pytestmark = pytest.mark.deploy
KNOWN = {
    **dict.fromkeys(
        ("credentials_config", "project_id", "artifact_registry", "gcs_path", "output_bucket"),
        "**required**",
    ),
    "namespace": '"default"',
    "ksa": '"default"',
    "locust_runner_kubernetes_service_account": '"sample-runner-ksa"',
    "inference_server_service": '""',
    "inference_server_framework": '"tgi"',
    "tokenizer": '"tiiuae/falcon-7b"',
    "best_of": "1",
    "use_beam_search": "false",
    "sax_model": '""',
    "max_num_prompts": "1000",
    "max_prompt_len": "1024",
    "max_output_len": "1024",
    "num_locust_workers": "1",
    "huggingface_secret": '"huggingface-secret"',
    "k8s_hf_secret": "null",
    "hugging_face_secret": "null",
    "hugging_face_secret_version": "null",
    "model": '""',
    "request_type": '"http"',
    "stop_timeout": "0",
    "templates_path": "null",
    "test_duration": "120",
    "test_users": "1",
    "test_rate": "5",
    "run_test_automatically": "false",
    "runner_endpoint_ip": "null",
}


def test_names_and_defaults_are_those_that_users_know() -> None:
    """A file of variables of the tool before this one means here what it meant there."""
    defaults = {
        name: _default(block).strip("`")
        for name, block in terraforming.variables().items()
        if name in KNOWN
    }
    assert defaults == KNOWN


def test_no_more_rights_are_granted_than_these() -> None:
    """Pods read prompts, write results and see metrics; none administers anything."""
    text = (MODULE / "access.tf").read_text(encoding="utf-8")
    granted = re.findall(r'role\s+= "(.*)"', text)
    assert sorted(granted) == [
        "roles/monitoring.viewer",
        "roles/storage.objectUser",
        "roles/storage.objectViewer",
    ]
    others = [file.read_text() for file in MODULE.glob("*.tf") if file.name != "access.tf"]
    assert not any(
        "_iam_"
        in other.replace("google_storage_bucket_iam_member.", "").replace(
            "google_project_iam_member.", ""
        )
        for other in others
    )


def test_there_is_a_sample_for_every_framework() -> None:
    """The frameworks that may be given are the samples that there are."""
    allowed = re.search(
        r"contains\((\[.*?\]), var\.inference_server_framework\)",
        (MODULE / "variables.tf").read_text(encoding="utf-8"),
    )
    assert allowed
    assert set(json.loads(allowed[1])) == {
        sample.stem for sample in (MODULE / "sample-tfvars").iterdir()
    }


@pytest.mark.parametrize("variable", terraforming.variables())
def test_each_variable_has_a_test_of_its_effect(variable: str) -> None:
    """A run named by the variable sets it and asserts something."""
    named = [run for run in terraforming.runs("effects") if run.name.startswith(variable)]
    assert any(run.sets(variable) and "assert {" in run.text for run in named)


def test_each_validation_has_a_test_that_it_refuses() -> None:
    """For the Nth validation of a variable there is a run refused_VARIABLE_N that expects it."""
    wanted = {
        f"refused_{name}_{count}"
        for name, block in terraforming.variables().items()
        for count in range(1, 1 + len(terraforming.messages(block)))
    }
    held = {re.sub(r"(_\d+)_\w+$", r"\1", run.name) for run in terraforming.refused()}
    assert held == wanted
    assert all(
        f"expect_failures = [var.{run.refused_variable}]" in run.text
        for run in terraforming.refused()
    )


def test_the_guide_names_every_variable() -> None:
    """docs/terraform.md has each variable with its description and its default."""
    text = (ROOT / "docs" / "terraform.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \|$", text, re.MULTILINE)
    assert rows == [
        (name, _default(block), _described(block))
        for name, block in terraforming.variables().items()
    ]


def _described(block: str) -> str:
    return terraforming.described(block).removeprefix("Required. ")


def _default(block: str) -> str:
    found = re.search(r"^  default     = (.*)$", block, re.MULTILINE)
    return f"`{found[1]}`" if found else "**required**"
