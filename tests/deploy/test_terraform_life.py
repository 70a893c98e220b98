"""What deploy/terraform makes and leaves: the image, a life from apply to destroy, the first run."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inferswarm.service.access import Gate
from tests.deploy import terraforming
from tests.deploy.terraforming import MODULE, ROOT, Terraform
from tests.deploy.tools import tool
from tests.service.serving import service

pytestmark = pytest.mark.deploy
SAMPLE = MODULE / "sample-terraform.tfvars"
TOKENLIKE = re.compile(r"\b[0-9a-f]{64}\b")


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terraform]:
    """Terraform with stub providers."""
    with terraforming.stubbed(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def gcloud(tmp_path: Path) -> Path:
    """A folder with a `gcloud` that writes down its words, and ends as FOUND and BUILT say."""
    script = tmp_path / "bin" / "gcloud"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n'
        'case "$*" in *describe*) exit "${FOUND:-1}" ;; esac\n'
        'echo "permission denied by the cloud"\nexit "${BUILT:-0}"\n'
    )
    script.chmod(0o755)
    return script.parent


def test_a_life_from_apply_to_destroy(terraform: Terraform, tmp_path: Path, gcloud: Path) -> None:
    """An apply builds once and keeps no secret, a second changes nothing, a destroy leaves nothing."""
    state = f"-state={tmp_path / 'state'}"
    secret = ["-var=hugging_face_secret=some", "-var=hugging_face_secret_version=3"]
    words = ["-input=false", "-no-color", state, f"-var-file={SAMPLE}", *secret]
    words += ["-var=run_test_automatically=true"]
    path = f"{gcloud}:/usr/bin:/bin"
    where = {"PATH": f"{Path(_terraform()).parent}:{path}"}
    run = Terraform({**terraform.environment, **where})
    done = run("apply", "-auto-approve", *words)
    assert done.code == 0, done.said
    kept = (tmp_path / "state").read_text()
    again = run("plan", "-detailed-exitcode", *words)
    assert again.code == 0, again.said
    secrets = [
        one for one in json.loads(kept)["resources"] if one["type"] == "kubernetes_secret_v1"
    ]
    assert len(secrets) == 2
    assert "made-up-secret" not in kept
    assert not TOKENLIKE.search(json.dumps(secrets))
    submitted = [line for line in (tmp_path / "asked").read_text().splitlines() if "submit" in line]
    assert len(submitted) == 1
    assert "latest" not in submitted[0]
    done = run("destroy", "-auto-approve", *words)
    assert done.code == 0, done.said
    assert json.loads((tmp_path / "state").read_text())["resources"] == []


def _terraform() -> str:
    found = shutil.which("terraform")
    assert found
    return found


def test_a_newcomer_needs_one_apply(tmp_path: Path, gcloud: Path) -> None:
    """With nothing there, the create_ flags make buckets, registry, accounts and namespace."""
    flags = ["prompts_bucket", "output_bucket", "artifact_registry", "service_accounts"]
    words = ["-input=false", "-no-color", f"-state={tmp_path / 'state'}", f"-var-file={SAMPLE}"]
    words += [f"-var=create_{flag}=true" for flag in flags]
    path = f"{gcloud}:{Path(_terraform()).parent}:/usr/bin:/bin"
    nothing: dict[str, Any] = {
        "google_storage_buckets": {"buckets": []},
        "kubernetes_resources": {"objects": []},
    }
    with terraforming.stubbed(tmp_path / "home", **nothing) as terraform:
        done = terraform("apply", "-auto-approve", *words, PATH=path)
    assert done.code == 0, done.said
    made = json.loads((tmp_path / "state").read_text())["resources"]
    count = {one["type"] + "." + one["name"]: len(one["instances"]) for one in made}
    assert count["google_storage_bucket.created"] == 2
    assert count["google_artifact_registry_repository.image"] == 1
    assert count["kubernetes_manifest.account"] == 2
    assert count["kubernetes_manifest.namespace"] == 1


@pytest.mark.parametrize(
    ("more", "anew"),
    [
        ("test_users = 9", {"runner"}),
        ("max_output_len = 9", {"master"}),
        ("num_locust_workers = 9", set()),
    ],
)
def test_only_pods_that_read_a_change_are_started_anew(
    terraform: Terraform, tmp_path: Path, more: str, anew: set[str]
) -> None:
    """Another usual load does not end a run that goes on; another server does."""
    file = tmp_path / "more.tfvars"
    file.write_text(more)
    before, after = (_templates(terraform, tmp_path, *files) for files in ((), (file,)))
    assert {name for name in before if before[name] != after[name]} == anew


def _templates(terraform: Terraform, tmp_path: Path, *files: Path) -> dict[str, Any]:
    planned = terraform.planned(tmp_path, SAMPLE, *files)
    return {
        name: planned[f'kubernetes_manifest.workload["{name}-deployment.yaml"]']["manifest"][
            "spec"
        ]["template"]
        for name in ("master", "worker", "runner")
    }


def test_a_namespace_that_we_made_stays_ours(tmp_path: Path, gcloud: Path) -> None:
    """Once there, it is not taken for somebody else's, and not removed by the next apply."""
    words = ["-input=false", "-no-color", f"-state={tmp_path / 'state'}", f"-var-file={SAMPLE}"]
    path = f"{gcloud}:{Path(_terraform()).parent}:/usr/bin:/bin"
    with terraforming.stubbed(tmp_path / "home") as before:
        done = before("apply", "-auto-approve", *words, PATH=path)
        assert done.code == 0, done.said
    there = {"namespaces": ["default", "benchmark"]}
    with terraforming.stubbed(tmp_path / "home", kubernetes_all_namespaces=there) as after:
        done = after("plan", "-detailed-exitcode", *words)
    assert done.code == 0, done.said


def test_a_build_that_fails_says_what_to_do(
    terraform: Terraform, tmp_path: Path, gcloud: Path
) -> None:
    """What gcloud said is shown, and after it what usually helps."""
    words = ["-input=false", "-no-color", f"-state={tmp_path / 'state'}", f"-var-file={SAMPLE}"]
    path = f"{gcloud}:{Path(_terraform()).parent}:/usr/bin:/bin"
    done = terraform("apply", "-auto-approve", *words, PATH=path, BUILT="1")
    said = " ".join(done.said.split())
    assert done.code == 1
    assert "permission denied by the cloud" in said
    assert "Usual reasons: not logged in (gcloud auth login)" in said


@pytest.mark.parametrize(
    ("found", "path", "code", "said"),
    [
        ("0", "{gcloud}:/usr/bin:/bin", 0, "is in the registry: nothing to build"),
        ("1", "{gcloud}:/usr/bin:/bin", 0, "permission denied by the cloud"),
        ("1", "{empty}", 1, "install the Google Cloud CLI"),
    ],
)
def test_the_image_is_built_only_when_it_must_be(
    tmp_path: Path, gcloud: Path, found: str, path: str, code: int, said: str
) -> None:
    """One that the registry has is not built again; without gcloud the message says so."""
    empty = tmp_path / "empty"
    empty.mkdir()
    for needed in ("dirname", "pwd"):
        (empty / needed).symlink_to(shutil.which(needed) or "")
    done = subprocess.run(
        ["/bin/sh", MODULE / "build-image.sh"],
        check=False,
        capture_output=True,
        text=True,
        env={
            "PATH": path.format(gcloud=gcloud, empty=empty),
            "IMAGE": "some/image:tag",
            "PROJECT": "some-project",
            "ROOT": str(ROOT),
            "FOUND": found,
        },
    )
    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_the_script_is_sound() -> None:
    """Shellcheck has nothing to say of how the image is built."""
    checked = [str(tool("shellcheck")), str(MODULE / "build-image.sh")]
    done = subprocess.run(checked, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_tag_follows_the_content(terraform: Terraform, tmp_path: Path) -> None:
    """Another Dockerfile is another image; another manifest is not."""
    module = terraforming.copied(tmp_path / "tree")
    image = _image(terraform, tmp_path, module)
    manifest = module.parent / "kubernetes" / "base" / "worker-deployment.yaml"
    manifest.write_text(manifest.read_text() + "# another\n")
    assert _image(terraform, tmp_path, module) == image
    dockerfile = module.parent / "image" / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "# another\n")
    assert _image(terraform, tmp_path, module) != image


def _image(terraform: Terraform, tmp_path: Path, module: Path) -> str:
    plan = tmp_path / "plan"
    words = ["-input=false", f"-out={plan}", f"-var-file={SAMPLE}"]
    done = terraform("plan", *words, module=module)
    assert done.code == 0, done.said
    shown = json.loads(terraform("show", "-json", plan, module=module).said)
    image: str = shown["planned_values"]["outputs"]["image"]["value"]
    return image


def test_the_digest_is_of_what_the_dockerfile_copies() -> None:
    """Whatever gets into the image changes its tag."""
    dockerfile = (ROOT / "deploy" / "image" / "Dockerfile").read_text(encoding="utf-8")
    lines = re.findall(r"^COPY (?!--from)(.*)$", dockerfile, re.MULTILINE)
    copied = {name for line in lines for name in line.split()[:-1]}
    patterns = re.search(
        r"image_patterns = (\[.*?\n  \])", (MODULE / "image.tf").read_text(), re.DOTALL
    )
    assert patterns
    hashed = set(re.findall(r'"(.*?)"', patterns[1]))
    missing = [one for one in copied if not any(_covers(pattern, one) for pattern in hashed)]
    assert not missing


def _covers(pattern: str, name: str) -> bool:
    folder = pattern.removesuffix("/**")
    return name == folder or (pattern != folder and name.startswith(f"{folder}/"))


def test_cloud_build_is_sent_what_the_dockerfile_copies(tmp_path: Path) -> None:
    """The tool itself, asked what it would upload, names those files and no secret beside them."""
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not here: install the Google Cloud CLI")
    sent = {"src/inferswarm/a.py", "src/inferswarm/load/x.c", "deploy/image/Dockerfile"}
    sent |= {"requirements/image.txt", "pyproject.toml", "setup.py", "README.md", "LICENSE"}
    kept = {"src/inferswarm/a.so", "src/inferswarm/__pycache__/a.pyc", "build/x", ".git/x"}
    kept |= {"deploy/terraform/terraform.tfvars", "terraform.tfstate", "src/inferswarm.egg-info/x"}
    for name in sent | kept:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    shutil.copyfile(MODULE / "cloudbuild.ignore", tmp_path / ".gcloudignore")
    asked = ["gcloud", "meta", "list-files-for-upload", str(tmp_path), "--quiet"]
    done = subprocess.run(asked, check=True, capture_output=True, text=True)
    assert set(done.stdout.split()) - {".gcloudignore"} == sent


def test_the_automatic_run_is_queued_once(tmp_path: Path) -> None:
    """The Job's script, tried twice as a Job may, queues one run with the load it is told."""
    with service(tmp_path, gate=Gate("127.0.0.1")) as served:
        environment = {
            "RUNNER": served.url,
            "KEY": "inferswarm-automatic-run-1",
            "TOKEN": "some",
            "LOAD": json.dumps({"duration": "5s", "users": 3, "spawn_rate": "2/s"}),
            "PATIENCE_S": "5",
        }
        for _ in range(2):
            done = _asked(environment)
            assert done.returncode == 0, done.stderr
        told = served.ask("GET", "/runs").json["runs"]
    assert [run["config"]["load"]["users"] for run in told] == [3]


def test_the_automatic_run_says_why_it_was_refused(tmp_path: Path) -> None:
    """What the runner answers is what the Job's log shows."""
    with service(tmp_path, gate=Gate("127.0.0.1")) as served:
        load = json.dumps({"users": "many"})
        done = _asked({"RUNNER": served.url, "KEY": "k", "TOKEN": "some", "LOAD": load})
    assert done.returncode == 1
    assert "load.users" in done.stderr


def _asked(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-IS", "-c", (MODULE / "automatic_run.py").read_text(encoding="utf-8")],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
