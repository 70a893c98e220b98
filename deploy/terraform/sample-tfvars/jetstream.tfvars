# JetStream by gRPC; request_type = "http" asks its HTTP server instead.
credentials_config = {
  kubeconfig = {
    path = "~/.kube/config"
  }
}

project_id = "change-me"

namespace                                = "benchmark"
ksa                                      = "benchmark-ksa"
locust_runner_kubernetes_service_account = "sample-runner-ksa"

artifact_registry        = "us-central1-docker.pkg.dev/change-me/ai-benchmark" # change
inference_server_service = "jetstream-svc:9000"
gcs_path                 = "gs://change-me-prompts/prompts.txt" # change
output_bucket            = "change-me-benchmark-output"         # change

inference_server_framework = "jetstream"
tokenizer                  = "google/gemma-7b"
request_type               = "grpc"
k8s_hf_secret              = "hf-token"
