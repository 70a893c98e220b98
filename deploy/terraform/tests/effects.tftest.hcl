# What each variable does: a run is named by its variable, and fails when it does nothing.
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
  mock_data "google_storage_buckets" {
    defaults = { buckets = [{ name = "some-prompts" }, { name = "some-results" }, { name = "other-prompts" }, { name = "other-results" }] }
  }
}

# Never asked: what would read a secret waits for the apply.
provider "google" {
  alias        = "secrets"
  access_token = "none"
}

mock_provider "kubernetes" {
  mock_data "kubernetes_all_namespaces" {
    defaults = { namespaces = ["default", "kube-system"] }
  }
  mock_data "kubernetes_resources" {
    defaults = { objects = [{ metadata = { name = "sample-runner-ksa" } }, { metadata = { name = "other-ksa" } }] }
  }
}

variables {
  project_id               = "some-project"
  credentials_config       = { fleet_host = "https://connectgateway.googleapis.com/v1/projects/1/locations/global/gkeMemberships/some" }
  artifact_registry        = "us-central1-docker.pkg.dev/some-project/some-registry"
  inference_server_service = "tgi:8080"
  gcs_path                 = "gs://some-prompts/prompts.txt"
  output_bucket            = "some-results"
}

run "project_id" {
  command = plan

  variables {
    project_id        = "other-project"
    artifact_registry = "us-docker.pkg.dev/other-project/some"
  }

  assert {
    condition     = google_project_iam_member.metrics["runner"].project == "other-project"
    error_message = "rights are granted in the project"
  }

  assert {
    condition     = strcontains(google_storage_bucket_iam_member.prompts.member, "/workloadIdentityPools/other-project.svc.id.goog/")
    error_message = "the pool of identities is the project's"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).telemetry.project == "other-project"
    error_message = "metrics are asked of the project"
  }
}

run "credentials_config_by_fleet" {
  command = plan

  assert {
    condition     = local.cluster.host == var.credentials_config.fleet_host && local.cluster.config_path == null
    error_message = "the fleet's gateway is the host"
  }

  assert {
    condition     = contains(keys(google_project_service.needed), "connectgateway.googleapis.com")
    error_message = "the gateway's API is enabled"
  }
}

run "credentials_config_by_kubeconfig" {
  command = plan

  variables {
    credentials_config = { kubeconfig = { path = "./tests/kubeconfig", context = "some" } }
  }

  assert {
    condition     = local.cluster.host == null && local.cluster.config_path == "./tests/kubeconfig" && local.cluster.config_context == "some"
    error_message = "kubectl's file and context are used"
  }

  assert {
    condition     = !contains(keys(google_project_service.needed), "connectgateway.googleapis.com")
    error_message = "no gateway is needed"
  }
}

run "namespace_that_is_absent" {
  command = plan

  variables {
    namespace = "bench"
  }

  assert {
    condition     = kubernetes_manifest.namespace["bench"].manifest.metadata.name == "bench"
    error_message = "it is created"
  }

  assert {
    condition     = alltrue([for one in kubernetes_manifest.workload : one.manifest.metadata.namespace == "bench"])
    error_message = "everything is in it"
  }

  assert {
    condition     = kubernetes_secret_v1.tokens.metadata[0].namespace == "bench"
    error_message = "the tokens are in it"
  }

  assert {
    condition     = endswith(google_storage_bucket_iam_member.prompts.member, "/subject/ns/bench/sa/default")
    error_message = "rights are of its account"
  }
}

run "namespace_that_is_there" {
  command = plan

  variables {
    namespace = "default"
  }

  assert {
    condition     = length(kubernetes_manifest.namespace) == 0
    error_message = "it is not created"
  }
}

run "ksa" {
  command = plan

  variables {
    ksa = "other-ksa"
  }

  assert {
    condition     = alltrue([for name in ["master", "worker"] : kubernetes_manifest.workload["${name}-deployment.yaml"].manifest.spec.template.spec.serviceAccountName == "other-ksa"])
    error_message = "master and workers run as it"
  }

  assert {
    condition     = endswith(google_storage_bucket_iam_member.prompts.member, "/sa/other-ksa") && google_storage_bucket_iam_member.prompts.role == "roles/storage.objectViewer"
    error_message = "it reads prompts"
  }

  assert {
    condition     = endswith(google_storage_bucket_iam_member.results["load"].member, "/sa/other-ksa") && google_storage_bucket_iam_member.results["load"].role == "roles/storage.objectUser"
    error_message = "it writes results"
  }
}

run "locust_runner_kubernetes_service_account" {
  command = plan

  variables {
    locust_runner_kubernetes_service_account = "other-ksa"
  }

  assert {
    condition     = kubernetes_manifest.workload["runner-deployment.yaml"].manifest.spec.template.spec.serviceAccountName == "other-ksa"
    error_message = "the runner runs as it"
  }

  assert {
    condition     = endswith(google_storage_bucket_iam_member.results["runner"].member, "/sa/other-ksa")
    error_message = "it has the results"
  }

  assert {
    condition     = endswith(google_project_iam_member.metrics["runner"].member, "/sa/other-ksa") && google_project_iam_member.metrics["runner"].role == "roles/monitoring.viewer"
    error_message = "it sees metrics"
  }
}

run "create_service_accounts" {
  command = plan

  variables {
    create_service_accounts = true
  }

  assert {
    condition     = keys(kubernetes_manifest.account) == ["sample-runner-ksa"]
    error_message = "what is not there of itself is created"
  }

  assert {
    condition     = kubernetes_manifest.account["sample-runner-ksa"].manifest.automountServiceAccountToken == false
    error_message = "it may do nothing in the cluster"
  }
}

run "artifact_registry" {
  command = plan

  variables {
    artifact_registry = "europe-docker.pkg.dev/some-project/other"
  }

  assert {
    condition     = alltrue([for name in ["master", "worker", "runner"] : startswith(kubernetes_manifest.workload["${name}-deployment.yaml"].manifest.spec.template.spec.containers[0].image, "europe-docker.pkg.dev/some-project/other/inferswarm:")])
    error_message = "images come from it"
  }

  assert {
    condition     = can(regex(":[0-9a-f]{16}$", output.image))
    error_message = "the tag is a digest of the content"
  }

  assert {
    condition     = length(google_artifact_registry_repository.image) == 0
    error_message = "it is not created"
  }
}

run "create_artifact_registry" {
  command = plan

  variables {
    create_artifact_registry = true
  }

  assert {
    condition     = google_artifact_registry_repository.image[0].repository_id == "some-registry" && google_artifact_registry_repository.image[0].location == "us-central1"
    error_message = "it is created where its name says"
  }
}

run "templates_path" {
  command = plan

  variables {
    templates_path = "./tests/templates"
  }

  assert {
    condition     = kubernetes_manifest.workload["worker-deployment.yaml"].manifest.metadata.labels.from == "templates"
    error_message = "the folder's manifests are used"
  }

  assert {
    condition     = kubernetes_manifest.workload["worker-deployment.yaml"].manifest.spec.template.spec.containers[0].image == output.image
    error_message = "and changed like the others"
  }
}

run "inference_server_service" {
  command = plan

  variables {
    inference_server_service = "vllm.models:8000"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).target.url == "http://vllm.models:8000"
    error_message = "it is the target"
  }
}

run "inference_server_service_by_tls" {
  command = plan

  variables {
    inference_server_service = "https://vllm.models"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).target.url == "https://vllm.models"
    error_message = "a scheme stays"
  }
}

run "inference_server_ip" {
  command = plan

  variables {
    inference_server_service = ""
    inference_server_ip      = "10.0.0.7:8080"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).target.url == "http://10.0.0.7:8080"
    error_message = "it is the target"
  }
}

run "inference_server_framework" {
  command = plan

  variables {
    inference_server_framework = "vllm"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).target.backend == "vllm"
    error_message = "it is the wire format"
  }

  assert {
    condition     = keys(google_monitoring_dashboard.shown) == ["client", "vllm"]
    error_message = "its dashboard is shown"
  }
}

run "request_type" {
  command = plan

  variables {
    inference_server_framework = "jetstream"
    request_type               = "grpc"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).target.api == "grpc"
    error_message = "gRPC is spoken"
  }
}

run "request_type_usual" {
  command = plan

  variables {
    inference_server_framework = "jetstream"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).target.api == "generate"
    error_message = "HTTP is spoken"
  }
}

run "model" {
  command = plan

  variables {
    model = "some-model"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).target.model == "some-model"
    error_message = "requests name it"
  }
}

run "sax_model" {
  command = plan

  variables {
    inference_server_framework = "sax"
    sax_model                  = "/sax/test/llama"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).target.model == "/sax/test/llama" && !yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).target.stream
    error_message = "requests name it, and ask for no stream"
  }

  assert {
    condition     = keys(google_monitoring_dashboard.shown) == ["client"]
    error_message = "there is no dashboard of SAX"
  }
}

run "gcs_path" {
  command = plan

  variables {
    gcs_path = "gs://other-prompts/a/b.jsonl"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).prompts.source == "gs://other-prompts/a/b.jsonl"
    error_message = "prompts come from it"
  }

  assert {
    condition     = google_storage_bucket_iam_member.prompts.bucket == "other-prompts"
    error_message = "its bucket may be read"
  }
}

run "prompts_project" {
  command = plan

  variables {
    prompts_project = "other-project"
  }

  assert {
    condition     = data.google_storage_buckets.prompts[0].project == "other-project"
    error_message = "the bucket is looked for there"
  }
}

run "create_prompts_bucket" {
  command = plan

  variables {
    gcs_path              = "gs://new-prompts/prompts.txt"
    create_prompts_bucket = true
  }

  assert {
    condition     = google_storage_bucket.created["new-prompts"].public_access_prevention == "enforced"
    error_message = "it is created, and never public"
  }
}

run "output_bucket" {
  command = plan

  variables {
    output_bucket = "gs://other-results/folder/"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).output.upload == "gs://other-results/folder"
    error_message = "results go there"
  }

  assert {
    condition     = google_storage_bucket_iam_member.results["load"].bucket == "other-results"
    error_message = "its bucket may be written"
  }
}

run "create_output_bucket" {
  command = plan

  variables {
    output_bucket        = "new-results"
    create_output_bucket = true
  }

  assert {
    condition     = google_storage_bucket.created["new-results"].force_destroy == false
    error_message = "it is created, and outlives a destroy while it holds results"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).output.upload == "gs://new-results"
    error_message = "results go there"
  }
}

run "buckets_location" {
  command = plan

  variables {
    output_bucket        = "new-results"
    create_output_bucket = true
    buckets_location     = "europe-west4"
  }

  assert {
    condition     = google_storage_bucket.created["new-results"].location == "EUROPE-WEST4"
    error_message = "created buckets are there"
  }
}

run "tokenizer" {
  command = plan

  variables {
    tokenizer = "gpt2"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).prompts.tokenizer == "gpt2"
    error_message = "a run takes it"
  }
}

run "max_num_prompts" {
  command = plan

  variables {
    max_num_prompts = 7
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).prompts.max_prompts == 7
    error_message = "a run takes it"
  }
}

run "max_prompt_len" {
  command = plan

  variables {
    max_prompt_len = 77
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).prompts.max_tokens == 77
    error_message = "a run takes it"
  }
}

run "max_output_len" {
  command = plan

  variables {
    max_output_len = 77
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).request.max_output_tokens == 77
    error_message = "a run takes it"
  }
}

run "best_of" {
  command = plan

  variables {
    best_of = 3
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).request.best_of == 3
    error_message = "a run takes it"
  }
}

run "stop_timeout" {
  command = plan

  variables {
    stop_timeout = 30
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).load.grace == "30s"
    error_message = "a run takes it"
  }
}

run "use_beam_search" {
  command = plan

  variables {
    use_beam_search            = true
    best_of                    = 4
    inference_server_framework = "vllm"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).request.use_beam_search && yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).request.best_of == 4
    error_message = "a run takes it, with its width"
  }

  assert {
    condition     = !yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).target.stream
    error_message = "answers are not streamed"
  }
}

run "max_prompt_len_below_the_usual_minimum" {
  command = plan

  variables {
    max_prompt_len = 2
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).prompts.min_tokens == 2
    error_message = "the minimum is not above the maximum"
  }
}

run "defaults" {
  command = plan

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).prompts.max_prompts == 1000 && yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).prompts.max_tokens == 1024 && yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).request.max_output_tokens == 1024
    error_message = "lengths are the usual ones"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).load.grace == "0s" && yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).target.backend == "tgi" && yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).prompts.tokenizer == "tiiuae/falcon-7b"
    error_message = "so are server and tokenizer"
  }

  assert {
    condition     = !can(yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).request.best_of) && !can(yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).request.use_beam_search)
    error_message = "one answer is not asked for in words"
  }

  assert {
    condition     = yamldecode(kubernetes_manifest.configuration.manifest.data["run.yaml"]).telemetry.metrics == "/etc/inferswarm/metrics.yaml"
    error_message = "what the manifests say of the cluster stays"
  }
}

run "test_duration" {
  command = plan

  variables {
    test_duration = 33
  }

  assert {
    condition     = kubernetes_manifest.configuration.manifest.data.DURATION == "33"
    error_message = "GET /run without it takes it"
  }
}

run "test_users" {
  command = plan

  variables {
    test_users = 33
  }

  assert {
    condition     = kubernetes_manifest.configuration.manifest.data.USERS == "33"
    error_message = "GET /run without it takes it"
  }
}

run "test_rate" {
  command = plan

  variables {
    test_rate = 2.5
  }

  assert {
    condition     = kubernetes_manifest.configuration.manifest.data.RATE == "2.5"
    error_message = "GET /run without it takes it"
  }
}

run "run_test_automatically" {
  command = plan

  variables {
    run_test_automatically = true
    test_users             = 9
  }

  assert {
    condition     = kubernetes_manifest.automatic_run[0].manifest.spec.template.spec.containers[0].image == output.image
    error_message = "a Job of the same image asks"
  }

  assert {
    condition     = strcontains(kubernetes_manifest.automatic_run[0].manifest.spec.template.spec.containers[0].env[2].value, "\"users\":9")
    error_message = "it asks for the usual run"
  }
}

run "run_test_automatically_usually_not" {
  command = plan

  assert {
    condition     = length(kubernetes_manifest.automatic_run) == 0
    error_message = "nothing runs by itself"
  }
}

run "huggingface_secret" {
  command = plan

  variables {
    huggingface_secret = "other-secret"
  }

  assert {
    condition     = [for one in kubernetes_manifest.workload["master-deployment.yaml"].manifest.spec.template.spec.containers[0].env : one.valueFrom.secretKeyRef.name if one.name == "HF_TOKEN"] == ["other-secret"]
    error_message = "pods take the token from it"
  }

  assert {
    condition     = length(kubernetes_secret_v1.huggingface) == 0
    error_message = "it is not made"
  }
}

run "k8s_hf_secret" {
  command = plan

  variables {
    k8s_hf_secret = "older-name"
  }

  assert {
    condition     = [for one in kubernetes_manifest.workload["master-deployment.yaml"].manifest.spec.template.spec.containers[0].env : one.valueFrom.secretKeyRef.name if one.name == "HF_TOKEN"] == ["older-name"]
    error_message = "pods take the token from it"
  }
}

run "hugging_face_secret" {
  command = plan

  variables {
    hugging_face_secret         = "some-secret"
    hugging_face_secret_version = "3"
  }

  assert {
    condition     = [for one in kubernetes_manifest.workload["master-deployment.yaml"].manifest.spec.template.spec.containers[0].env : one.valueFrom.secretKeyRef.name if one.name == "HF_TOKEN"] == ["inferswarm-huggingface"]
    error_message = "pods take the token from a Secret that is made"
  }

  assert {
    condition     = kubernetes_secret_v1.huggingface[0].metadata[0].name == "inferswarm-huggingface"
    error_message = "it is made"
  }

  assert {
    condition     = contains(keys(google_project_service.needed), "secretmanager.googleapis.com")
    error_message = "Secret Manager is enabled"
  }
}

run "hugging_face_secret_version" {
  command = plan

  variables {
    hugging_face_secret         = "some-secret"
    hugging_face_secret_version = "4"
  }

  assert {
    condition     = kubernetes_secret_v1.huggingface[0].data_wo_revision == 4
    error_message = "another version is taken over"
  }
}

run "allowed_targets" {
  command = plan

  variables {
    allowed_targets = ["tgi.models:8080", "*.more"]
  }

  assert {
    condition     = endswith(join(" ", kubernetes_manifest.workload["master-deployment.yaml"].manifest.spec.template.spec.containers[0].args), " --allow-target tgi.models:8080 --allow-target *.more")
    error_message = "the master is told of each"
  }

  assert {
    condition     = kubernetes_manifest.workload["worker-deployment.yaml"].manifest.spec.template.spec.containers[0].args == ["worker", "--master", "locust-master:5557"]
    error_message = "and nobody else"
  }
}

run "num_locust_workers" {
  command = plan

  variables {
    num_locust_workers = 7
  }

  assert {
    condition     = kubernetes_manifest.workload["worker-deployment.yaml"].manifest.spec.replicas == 7
    error_message = "so many pods run"
  }

  assert {
    condition     = kubernetes_manifest.workload["master-deployment.yaml"].manifest.spec.replicas == 1
    error_message = "and one master"
  }
}

run "runner_storage" {
  command = plan

  variables {
    runner_storage = "5Gi"
  }

  assert {
    condition     = kubernetes_manifest.workload["runner-data.yaml"].manifest.spec.resources.requests.storage == "5Gi"
    error_message = "the disk is as big"
  }
}

run "service_exposure" {
  command = plan

  variables {
    service_exposure      = "external"
    runner_allowed_ranges = ["203.0.113.0/24"]
  }

  assert {
    condition     = kubernetes_manifest.workload["runner-service.yaml"].manifest.spec.type == "LoadBalancer" && !can(kubernetes_manifest.workload["runner-service.yaml"].manifest.spec.loadBalancerIP)
    error_message = "a load balancer is made"
  }

  assert {
    condition     = contains(keys(kubernetes_manifest.workload), "external/network-external.yaml")
    error_message = "its callers pass the network policy"
  }
}

run "service_exposure_internal" {
  command = plan

  assert {
    condition     = kubernetes_manifest.workload["runner-service.yaml"].manifest.spec.type == "ClusterIP"
    error_message = "the runner stays inside"
  }

  assert {
    condition     = !contains(keys(kubernetes_manifest.workload), "external/network-external.yaml")
    error_message = "and nobody from outside passes"
  }
}

run "runner_allowed_ranges" {
  command = plan

  variables {
    service_exposure      = "external"
    runner_allowed_ranges = ["203.0.113.7/32"]
  }

  assert {
    condition     = kubernetes_manifest.workload["runner-service.yaml"].manifest.spec.loadBalancerSourceRanges[0] == "203.0.113.7/32"
    error_message = "others are not let in"
  }
}

run "runner_endpoint_ip" {
  command = plan

  variables {
    service_exposure      = "external"
    runner_allowed_ranges = ["203.0.113.0/24"]
    runner_endpoint_ip    = "198.51.100.9"
  }

  assert {
    condition     = kubernetes_manifest.workload["runner-service.yaml"].manifest.spec.loadBalancerIP == "198.51.100.9"
    error_message = "the load balancer takes it"
  }

  assert {
    condition     = output.runner_endpoint == "http://198.51.100.9:8000" && strcontains(output.curl, "http://198.51.100.9:8000/run?")
    error_message = "callers are told"
  }
}

run "manifests" {
  command = plan

  assert {
    condition     = length(distinct([for name in ["master", "runner"] : kubernetes_manifest.workload["${name}-deployment.yaml"].manifest.spec.template.metadata.annotations["inferswarm/configuration"]])) == 2
    error_message = "what they read of the configuration starts master and runner anew"
  }

  assert {
    condition     = !can(kubernetes_manifest.workload["worker-deployment.yaml"].manifest.spec.template.metadata.annotations["inferswarm/configuration"])
    error_message = "workers read none"
  }

  assert {
    condition     = kubernetes_manifest.workload["gke/pod-monitoring.yaml"].manifest.kind == "PodMonitoring"
    error_message = "Managed Prometheus scrapes"
  }

  assert {
    condition     = kubernetes_manifest.workload["master-deployment.yaml"].manifest.spec.template.metadata.annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    error_message = "annotations of the manifests stay"
  }
}
