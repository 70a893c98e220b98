output "image" {
  description = "What runs: its tag is a digest of its content."
  value       = local.image
}

output "results" {
  description = "Where reports and records go."
  value       = local.results_address
}

output "runner_endpoint" {
  description = "The runner: inside the cluster, or at the load balancer when its address is known."
  value       = var.runner_endpoint_ip == null ? "http://locust-runner-api.${var.namespace}:8000" : "http://${var.runner_endpoint_ip}:8000"
}

output "web_ui" {
  description = "Locust's web UI, after the port-forward, as user inferswarm with the token as password."
  value       = "kubectl -n ${var.namespace} port-forward service/locust-master-web 8089 # then http://127.0.0.1:8089"
}

output "token" {
  description = "Shows the token that starts runs."
  value       = local.token_command
}

output "curl" {
  description = "Starts a run."
  value       = "${local.reach}curl -H \"Authorization: Bearer $(${local.token_command})\" '${local.curl_address}/run?duration=${var.test_duration}&users=${var.test_users}&rate=${var.test_rate}'${local.leave}"
}

output "dashboards" {
  description = "Where the dashboards are, inferswarm and the server's."
  value       = "https://console.cloud.google.com/monitoring/dashboards?project=${var.project_id}"
}

locals {
  token_command = "kubectl -n ${var.namespace} get secret inferswarm-tokens -o go-template='{{.data.run | base64decode}}'"
  # From outside the cluster without an address of one's own: through kubectl.
  reach        = var.runner_endpoint_ip != null ? "" : "kubectl -n ${var.namespace} port-forward service/locust-runner-api 8000 & sleep 2; "
  leave        = var.runner_endpoint_ip != null ? "" : "; kill $!"
  curl_address = var.runner_endpoint_ip == null ? "http://127.0.0.1:8000" : "http://${var.runner_endpoint_ip}:8000"
}
