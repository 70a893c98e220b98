# TensorRT-LLM in Triton.
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
inference_server_service = "triton:8000"
gcs_path                 = "gs://change-me-prompts/prompts.txt" # change
output_bucket            = "change-me-benchmark-output"         # change

inference_server_framework = "tensorrt_llm_triton"
tokenizer                  = "meta-llama/Llama-2-7b-hf"
model                      = "ensemble"
