"""Facts about the manifests: each fits the others, our command line, and Kubernetes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from inferswarm.cli.main import parser
from inferswarm.cli.serve import USUAL
from inferswarm.config.sources import from_file, resolve
from inferswarm.config.tree import RunConfig
from inferswarm.service.access import READ_TOKEN, RUN_TOKEN
from inferswarm.telemetry.declared import read_wanted
from tests.deploy.custom import SCHEMAS
from tests.deploy.manifests import (
    BASE,
    CUSTOM,
    FOLDER,
    NAMES,
    Object,
    containers,
    files,
    named,
    of_kind,
    pods,
    ports_of,
    rendered,
    rendered_text,
    selected,
)
from tests.deploy.tools import kubectl, tool

pytestmark = pytest.mark.deploy
VERSIONS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
"""Those that the checker knows and GKE offered since 2025."""
PORTS = {
    "locust-master": {"workers": 5557, "metrics": 9646},
    "locust-master-web": {"web": 8089},
    "locust-runner-api": {"api": 8000},
}
OUTSIDE = {53, 80, 443, 988}
"""DNS, https, and the ports of GKE's metadata server."""


def arguments_of(container: Object) -> list[str]:
    """What a container gives to the command; none has another command than the image's."""
    assert "command" not in container
    words: list[str] = container["args"]
    return words


@pytest.mark.parametrize("file", files(), ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_file_is_one_object(file: Path) -> None:
    """So that Terraform decodes each as it is."""
    (found,) = yaml.safe_load_all(file.read_text())
    assert {"apiVersion", "kind", "metadata"} <= set(found)
    assert "namespace" not in found["metadata"]


def test_the_base_is_all_of_its_files() -> None:
    """Whoever takes the files and whoever takes the kustomization gets the same."""
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == sorted(
        path.name for path in BASE.glob("*.yaml") if path.stem != "kustomization"
    )
    assert len(rendered("base")) == len(listed)


def test_names_and_ports_are_those_that_everybody_relies_on() -> None:
    """Commands, documentation and Terraform speak of them."""
    base = rendered("base")
    names = {(one["kind"], one["metadata"]["name"]) for one in base}
    assert names >= {
        *(("Deployment", f"locust-{role}") for role in ("master", "worker", "runner")),
        ("PersistentVolumeClaim", "locust-runner-data"),
        ("ConfigMap", "inferswarm-config"),
        ("ServiceAccount", "inferswarm"),
        ("ServiceAccount", "inferswarm-runner"),
    }
    for service, ports in PORTS.items():
        spec = named(base, "Service", service)["spec"]
        assert {one["name"]: one["port"] for one in spec["ports"]} == ports
        assert spec["type"] == "ClusterIP"


@pytest.mark.parametrize("name", NAMES)
def test_a_namespace_holds_everything(name: str) -> None:
    """Where there is one; else it is the one that the user is in."""
    objects = rendered(name)
    names = {one["metadata"]["name"] for one in of_kind(objects, "Namespace")}
    placed = [one for one in objects if one["kind"] != "Namespace"]
    assert {one["metadata"].get("namespace") for one in placed} == (names or {None})


@pytest.mark.parametrize("name", NAMES)
def test_every_service_finds_a_pod_that_has_its_ports(name: str) -> None:
    """One Deployment each, by the port's name."""
    objects = rendered(name)
    for service in of_kind(objects, "Service"):
        (pod,) = selected(objects, service["spec"]["selector"])
        known = ports_of(pod)
        assert all(known[one["targetPort"]] == one["port"] for one in service["spec"]["ports"])


@pytest.mark.parametrize("name", NAMES)
def test_our_command_line_takes_every_container_s_arguments(name: str) -> None:
    """Each flag exists, and has a value that it may have."""
    objects = rendered(name)
    words = [arguments_of(container) for _, container in containers(objects)]
    for test in of_kind(objects, "LocustTest"):
        assert test["spec"]["image"] == "inferswarm:local"
        words += [test["spec"][role]["command"].split() for role in ("master", "worker")]
    for arguments in words:
        parsed, unknown = parser().parse_known_args(arguments)
        assert unknown == []
        assert parsed.parser.prog == f"inferswarm {arguments[0]}"


@pytest.mark.parametrize("name", NAMES)
def test_ports_are_those_that_the_arguments_say(name: str) -> None:
    """A container's ports are where it was told to listen."""
    for _, container in containers(rendered(name)):
        words = arguments_of(container)
        said = {
            int(word.rpartition(":")[2]) for word in words if re.fullmatch(r"(.*:)?\d{4,5}", word)
        }
        listening = {one["containerPort"] for one in container.get("ports", [])}
        assert listening <= said


@pytest.mark.parametrize("name", NAMES)
def test_the_configuration_is_read_by_the_real_reader(name: str, tmp_path: Path) -> None:
    """Both files of the ConfigMap, and the runner's numbers; the target is not on loopback."""
    data = named(rendered(name), "ConfigMap", "inferswarm-config")["data"]
    for key in ("run.yaml", "metrics.yaml"):
        (tmp_path / key).write_text(data[key])
    config = resolve(RunConfig, from_file(tmp_path / "run.yaml"))
    assert config.target.url.startswith("http://")
    assert str(config.telemetry.metrics) == "/etc/inferswarm/metrics.yaml"
    assert read_wanted(tmp_path / "metrics.yaml") == ()
    assert {key: data[key] for key in USUAL} == USUAL


@pytest.mark.parametrize("name", NAMES)
def test_what_is_mounted_is_there(name: str) -> None:
    """Volumes, ConfigMaps with their keys, claims and accounts; nothing is declared that nobody uses."""
    objects = rendered(name)
    there = {(one["kind"], one["metadata"]["name"]) for one in objects}
    for _, pod in pods(objects):
        spec = pod["spec"]
        volumes = {one["name"]: one for one in spec["volumes"]}
        mounts = [one["name"] for each in spec["containers"] for one in each["volumeMounts"]]
        assert set(mounts) == set(volumes)
        for volume in volumes.values():
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in there
            elif "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert ("PersistentVolumeClaim", claim) in there
            elif "secret" in volume:
                assert volume["secret"]["secretName"] == "locust-runner-tls"
            else:
                assert volume["emptyDir"]["sizeLimit"]
        if "serviceAccountName" in spec:
            assert ("ServiceAccount", spec["serviceAccountName"]) in there


@pytest.mark.parametrize("name", NAMES)
def test_pods_may_do_little(name: str) -> None:
    """No root, no capability, no disk to write but what is mounted, no account's token.

    Nor variables of Services, which Locust would take for its own.
    """
    for _, pod in pods(rendered(name)):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["image"] == "inferswarm:local"
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert {"requests", "limits"} == set(container["resources"])


@pytest.mark.parametrize("name", NAMES)
def test_secrets_are_named_and_never_written(name: str) -> None:
    """No Secret is among the objects, and what is a secret comes from one."""
    objects = rendered(name)
    assert not of_kind(objects, "Secret")
    secret = re.compile("TOKEN|PASSWORD|KEY")
    for _, container in containers(objects):
        for variable in container.get("env", []):
            if secret.search(variable["name"]):
                reference = variable["valueFrom"]["secretKeyRef"]
                assert reference["name"] in ("inferswarm-tokens", "huggingface-secret")
                assert reference.get("optional", False) is (
                    reference["name"] == "huggingface-secret"
                )


@pytest.mark.parametrize("name", ["base", "external"])
def test_the_runner_does_not_start_without_tokens(name: str) -> None:
    """Its variables are of a Secret that must be there; the program refuses an open door itself."""
    runner = named(rendered(name), "Deployment", "locust-runner")
    (container,) = runner["spec"]["template"]["spec"]["containers"]
    needed = {
        one["name"]: one["valueFrom"]["secretKeyRef"]["key"]
        for one in container["env"]
        if "secretKeyRef" in one["valueFrom"]
    }
    assert needed[RUN_TOKEN] == "run"
    assert needed[READ_TOKEN] == "read"
    bare = {name: value for name, value in os.environ.items() if not name.startswith("INFERSWARM_")}
    done = run(sys.executable, "-m", "inferswarm", *container["args"], env=bare)
    assert done.returncode == 2
    assert "--host 0.0.0.0 can be reached from elsewhere and needs a token" in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_every_network_policy_names_a_port_of_a_pod_that_it_opens(name: str) -> None:
    """What comes in arrives at a port that is there; what goes out to our pods, too."""
    objects = rendered(name)
    for policy in of_kind(objects, "NetworkPolicy"):
        spec = policy["spec"]
        subjects = selected(objects, spec["podSelector"])
        assert subjects, policy["metadata"]["name"]
        for rule in spec.get("ingress", []):
            numbers = {number for pod in subjects for number in ports_of(pod).values()}
            assert {one["port"] for one in rule["ports"]} <= numbers
        for rule in spec.get("egress", []):
            ours = [
                pod
                for peer in rule.get("to", [])
                if "podSelector" in peer
                for pod in selected(objects, peer["podSelector"])
            ]
            numbers = {number for pod in ours for number in ports_of(pod).values()} or OUTSIDE
            assert {one["port"] for one in rule.get("ports", [])} <= numbers


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_open_that_no_policy_opens(name: str) -> None:
    """Each of our pods is denied everything first."""
    objects = rendered(name)
    for policy in of_kind(objects, "NetworkPolicy"):
        if policy["metadata"]["name"] == "inferswarm-default-deny":
            assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
            assert not {"ingress", "egress"} & set(policy["spec"])
            assert len(selected(objects, policy["spec"]["podSelector"])) == len(list(pods(objects)))
            return
    assert not list(pods(objects))


@pytest.mark.parametrize("name", NAMES)
def test_kubernetes_knows_every_field(name: str, tmp_path: Path) -> None:
    """Strictly, in every version; kinds of other makers have the fields that we know of them."""
    objects = rendered(name)
    for one in of_kind(objects, *CUSTOM):
        jsonschema.validate(one, SCHEMAS[one["kind"]])
    known = [one for one in objects if one["kind"] not in CUSTOM]
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all(known))
    for version in VERSIONS:
        done = run(tool("kubernetes-validate"), "-k", version, "--strict", file)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("passed") + done.stderr.count("passed") == len(known)


def test_checkov_has_nothing_to_say(tmp_path: Path) -> None:
    """What it would is in the objects, as annotations with a reason. The namespace is the user's."""
    for name in NAMES:
        (tmp_path / "objects.yaml").write_text(rendered_text(name))
        rule = "namespace: bench\nresources: [objects.yaml]\n"
        (tmp_path / "kustomization.yaml").write_text(rule)
        (tmp_path / f"{name}.yaml").write_text(run(kubectl(), "kustomize", tmp_path).stdout)
        for one in rendered(name):
            for key, said in one["metadata"].get("annotations", {}).items():
                assert not key.startswith("checkov.io/") or re.fullmatch(
                    r"CKV_K8S_\d+=.{20,}", said
                )
    (tmp_path / "objects.yaml").unlink()
    (tmp_path / "kustomization.yaml").unlink()
    done = run(
        tool("checkov"), "--skip-download", "--quiet", "--compact",
        "--framework", "kubernetes", "--directory", tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.search(r"Passed checks: (\d+), Failed checks: (\d+)", done.stdout)
    assert counts is not None
    assert int(counts[1]) > 1000
    assert counts[2] == "0"


def run(
    *command: str | Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A command to its end."""
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env=env
    )


def test_a_pod_has_time_to_do_what_it_was_told_to_end_with() -> None:
    """The worker's grace and the master's last answers end before Kubernetes kills them."""
    config = resolve(RunConfig, [])
    for name, pod in pods(rendered("base")):
        has_s = pod["spec"]["terminationGracePeriodSeconds"]
        if name == "locust-worker":
            (container,) = pod["spec"]["containers"]
            assert parser().parse_args(arguments_of(container)).grace == "10m"
            assert has_s > 600
        elif name == "locust-master":
            assert has_s > config.load.grace.seconds + 600  # a bucket that is away is tried so long
