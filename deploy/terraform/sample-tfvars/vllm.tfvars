# vLLM by its OpenAI-compatible routes.
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
inference_server_service = "vllm:8000"
gcs_path                 = "gs://change-me-prompts/prompts.txt" # change
output_bucket            = "change-me-benchmark-output"         # change

inference_server_framework = "vllm"
tokenizer                  = "meta-llama/Llama-3.1-8B-Instruct"

