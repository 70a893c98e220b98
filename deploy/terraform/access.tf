# Rights of the pods, by workload identity: granted to the Kubernetes accounts themselves, so that no
# Google service account and no key is needed.
data "google_project" "this" {
  project_id = var.project_id
}

locals {
  workload_pool = "principal://iam.googleapis.com/projects/${data.google_project.this.number}/locations/global/workloadIdentityPools/${var.project_id}.svc.id.goog/subject/ns/${var.namespace}/sa"
  members = {
    load   = "${local.workload_pool}/${var.ksa}"
    runner = "${local.workload_pool}/${var.locust_runner_kubernetes_service_account}"
  }
  accounts = toset([var.ksa, var.locust_runner_kubernetes_service_account])
}

resource "google_storage_bucket_iam_member" "prompts" {
  bucket = local.prompts_bucket
  role   = "roles/storage.objectViewer"
  member = local.members.load

  depends_on = [google_storage_bucket.created, data.google_storage_buckets.prompts]
}

resource "google_storage_bucket_iam_member" "results" {
  for_each = local.members

  bucket = local.results_bucket
  role   = "roles/storage.objectUser"
  member = each.value

  depends_on = [google_storage_bucket.created, data.google_storage_buckets.results]
}

# The master asks Cloud Monitoring after a run, for the metrics that its configuration names.
resource "google_project_iam_member" "metrics" {
  for_each = local.members

  project = var.project_id
  role    = "roles/monitoring.viewer"
  member  = each.value
}

# An account that is missing would show only as pods that never start.
data "kubernetes_resources" "accounts" {
  count = var.create_service_accounts ? 0 : 1

  api_version = "v1"
  kind        = "ServiceAccount"
  namespace   = var.namespace

  lifecycle {
    postcondition {
      condition     = length(setsubtract(local.accounts, concat(["default"], try([for account in self.objects : account.metadata.name], [])))) == 0
      error_message = "Namespace ${var.namespace} lacks a service account of ${join(" and ", local.accounts)} (ksa, locust_runner_kubernetes_service_account): make it with kubectl create serviceaccount NAME -n ${var.namespace}, or set create_service_accounts = true."
    }
  }
}
