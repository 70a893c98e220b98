# What the clients see, and what the server under load says of itself, where there is a dashboard of it.
locals {
  server_dashboard = lookup({
    vllm                = "vllm"
    tgi                 = "tgi"
    tensorrt_llm_triton = "triton"
    jetstream           = "jetstream"
    sglang              = "sglang"
  }, var.inference_server_framework, "")
  dashboards = toset(compact(["client", local.server_dashboard]))
}

resource "google_monitoring_dashboard" "shown" {
  for_each = local.dashboards

  project        = var.project_id
  dashboard_json = file("${path.module}/../dashboards/cloud-monitoring-${each.value}.json")

  depends_on = [google_project_service.needed]
}
