# What is refused at plan: refused_VARIABLE_N is the variable's Nth validation. Their words are held by
# tests/deploy/test_terraform.py, which plans the same values.
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

run "refused_project_id_1" {
  command = plan

  variables {
    project_id = "My Project"
  }

  expect_failures = [var.project_id]
}

run "refused_credentials_config_1" {
  command = plan

  variables {
    credentials_config = {}
  }

  expect_failures = [var.credentials_config]
}

run "refused_credentials_config_1_both" {
  command = plan

  variables {
    credentials_config = { fleet_host = "https://gateway/x", kubeconfig = { path = "./tests/kubeconfig" } }
  }

  expect_failures = [var.credentials_config]
}

run "refused_credentials_config_2" {
  command = plan

  variables {
    credentials_config = { fleet_host = "connectgateway.googleapis.com" }
  }

  expect_failures = [var.credentials_config]
}

run "refused_credentials_config_3" {
  command = plan

  variables {
    credentials_config = { kubeconfig = { path = "./no-such-file" } }
  }

  expect_failures = [var.credentials_config]
}

run "refused_namespace_1" {
  command = plan

  variables {
    namespace = "Bench_Mark"
  }

  expect_failures = [var.namespace]
}

run "refused_ksa_1" {
  command = plan

  variables {
    ksa = "default/ksa"
  }

  expect_failures = [var.ksa]
}

run "refused_locust_runner_kubernetes_service_account_1" {
  command = plan

  variables {
    locust_runner_kubernetes_service_account = "runner@some-project.iam"
  }

  expect_failures = [var.locust_runner_kubernetes_service_account]
}

run "refused_artifact_registry_1" {
  command = plan

  variables {
    artifact_registry = "https://us-central1-docker.pkg.dev/some-project/some/"
  }

  expect_failures = [var.artifact_registry]
}

run "refused_artifact_registry_2" {
  command = plan

  variables {
    artifact_registry        = "images.example.com/some"
    create_artifact_registry = true
  }

  expect_failures = [var.artifact_registry]
}

run "refused_templates_path_1" {
  command = plan

  variables {
    templates_path = "./no-such-folder"
  }

  expect_failures = [var.templates_path]
}

run "refused_inference_server_service_1" {
  command = plan

  variables {
    inference_server_service = ""
  }

  expect_failures = [var.inference_server_service]
}

run "refused_inference_server_service_1_both" {
  command = plan

  variables {
    inference_server_ip = "10.0.0.7"
  }

  expect_failures = [var.inference_server_service]
}

run "refused_inference_server_service_2" {
  command = plan

  variables {
    inference_server_service = "tgi:8080/generate"
  }

  expect_failures = [var.inference_server_service]
}

run "refused_inference_server_ip_1" {
  command = plan

  variables {
    inference_server_service = ""
    inference_server_ip      = "10.0.0.777"
  }

  expect_failures = [var.inference_server_ip]
}

run "refused_inference_server_framework_1" {
  command = plan

  variables {
    inference_server_framework = "ollama"
  }

  expect_failures = [var.inference_server_framework]
}

run "refused_request_type_1" {
  command = plan

  variables {
    request_type = "websocket"
  }

  expect_failures = [var.request_type]
}

run "refused_request_type_2" {
  command = plan

  variables {
    request_type = "grpc"
  }

  expect_failures = [var.request_type]
}

run "refused_sax_model_1" {
  command = plan

  variables {
    sax_model = "/sax/test/llama"
  }

  expect_failures = [var.sax_model]
}

run "refused_sax_model_2" {
  command = plan

  variables {
    inference_server_framework = "sax"
  }

  expect_failures = [var.sax_model]
}

run "refused_gcs_path_1" {
  command = plan

  variables {
    gcs_path = "gs://some-prompts"
  }

  expect_failures = [var.gcs_path]
}

run "refused_output_bucket_1" {
  command = plan

  variables {
    output_bucket = "Some Bucket"
  }

  expect_failures = [var.output_bucket]
}

run "refused_max_num_prompts_1" {
  command = plan

  variables {
    max_num_prompts = 0
  }

  expect_failures = [var.max_num_prompts]
}

run "refused_max_prompt_len_1" {
  command = plan

  variables {
    max_prompt_len = 0
  }

  expect_failures = [var.max_prompt_len]
}

run "refused_max_output_len_1" {
  command = plan

  variables {
    max_output_len = 0
  }

  expect_failures = [var.max_output_len]
}

run "refused_best_of_1" {
  command = plan

  variables {
    best_of = 0
  }

  expect_failures = [var.best_of]
}

run "refused_best_of_2" {
  command = plan

  variables {
    best_of                    = 2
    inference_server_framework = "sglang"
  }

  expect_failures = [var.best_of]
}

run "refused_use_beam_search_1" {
  command = plan

  variables {
    use_beam_search = true
    best_of         = 2
  }

  expect_failures = [var.use_beam_search]
}

run "refused_best_of_3" {
  command = plan

  variables {
    use_beam_search            = true
    inference_server_framework = "vllm"
  }

  expect_failures = [var.best_of]
}

run "refused_stop_timeout_1" {
  command = plan

  variables {
    stop_timeout = -1
  }

  expect_failures = [var.stop_timeout]
}

run "refused_test_duration_1" {
  command = plan

  variables {
    test_duration = 0
  }

  expect_failures = [var.test_duration]
}

run "refused_test_users_1" {
  command = plan

  variables {
    test_users = 1.5
  }

  expect_failures = [var.test_users]
}

run "refused_test_rate_1" {
  command = plan

  variables {
    test_rate = 0
  }

  expect_failures = [var.test_rate]
}

run "refused_huggingface_secret_1" {
  command = plan

  variables {
    huggingface_secret = "hf_SomeToken"
  }

  expect_failures = [var.huggingface_secret]
}

run "refused_k8s_hf_secret_1" {
  command = plan

  variables {
    k8s_hf_secret      = "one"
    huggingface_secret = "another"
  }

  expect_failures = [var.k8s_hf_secret]
}

run "refused_hugging_face_secret_1" {
  command = plan

  variables {
    hugging_face_secret = "some"
  }

  expect_failures = [var.hugging_face_secret]
}

run "refused_hugging_face_secret_2" {
  command = plan

  variables {
    hugging_face_secret         = "some"
    hugging_face_secret_version = "1"
    huggingface_secret          = "another"
  }

  expect_failures = [var.hugging_face_secret]
}

run "refused_hugging_face_secret_version_1" {
  command = plan

  variables {
    hugging_face_secret         = "some"
    hugging_face_secret_version = "latest"
  }

  expect_failures = [var.hugging_face_secret_version]
}

run "refused_num_locust_workers_1" {
  command = plan

  variables {
    num_locust_workers = 0
  }

  expect_failures = [var.num_locust_workers]
}

run "refused_runner_storage_1" {
  command = plan

  variables {
    runner_storage = "1"
  }

  expect_failures = [var.runner_storage]
}

run "refused_service_exposure_1" {
  command = plan

  variables {
    service_exposure = "public"
  }

  expect_failures = [var.service_exposure]
}

run "refused_runner_endpoint_ip_1" {
  command = plan

  variables {
    runner_endpoint_ip = "198.51.100.9"
  }

  expect_failures = [var.runner_endpoint_ip]
}

run "refused_runner_endpoint_ip_2" {
  command = plan

  variables {
    service_exposure      = "external"
    runner_allowed_ranges = ["203.0.113.0/24"]
    runner_endpoint_ip    = "runner.example.com"
  }

  expect_failures = [var.runner_endpoint_ip]
}

run "refused_allowed_targets_1" {
  command = plan

  variables {
    allowed_targets = ["http://tgi:8080/"]
  }

  expect_failures = [var.allowed_targets]
}

run "refused_runner_allowed_ranges_1" {
  command = plan

  variables {
    runner_allowed_ranges = ["203.0.113.7"]
  }

  expect_failures = [var.runner_allowed_ranges]
}

run "refused_runner_allowed_ranges_2" {
  command = plan

  variables {
    service_exposure = "external"
  }

  expect_failures = [var.runner_allowed_ranges]
}

run "missing_output_bucket" {
  command = plan

  override_data {
    target = data.google_storage_buckets.results
    values = { buckets = [{ name = "some-results-of-others" }] }
  }

  expect_failures = [data.google_storage_buckets.results]
}

run "missing_prompts_bucket" {
  command = plan

  override_data {
    target = data.google_storage_buckets.prompts
    values = { buckets = [] }
  }

  expect_failures = [data.google_storage_buckets.prompts]
}

run "missing_account" {
  command = plan

  override_data {
    target = data.kubernetes_resources.accounts
    values = { objects = [{ metadata = { name = "another" } }] }
  }

  expect_failures = [data.kubernetes_resources.accounts]
}
