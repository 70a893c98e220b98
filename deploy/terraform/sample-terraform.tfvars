# Copy it to terraform.tfvars and change what is marked; sample-tfvars has one for each server.
credentials_config = {
  fleet_host = "https://connectgateway.googleapis.com/v1/projects/PROJECT_NUMBER/locations/global/gkeMemberships/ai-benchmark" # change: docs/gke.md says how to read it off
}

project_id = "change-me"

namespace                                = "benchmark"
ksa                                      = "benchmark-ksa"
locust_runner_kubernetes_service_account = "sample-runner-ksa"

artifact_registry        = "us-central1-docker.pkg.dev/change-me/ai-benchmark" # change
inference_server_service = "tgi"                                               # NAME[:PORT], or NAME.NAMESPACE[:PORT]
gcs_path                 = "gs://change-me-prompts/prompts.txt"                # change
output_bucket            = "change-me-benchmark-output"                        # change

inference_server_framework = "tgi"
tokenizer                  = "tiiuae/falcon-7b"

# What a run is that does not say.
test_duration = 60
test_users    = 1
test_rate     = 5
