# Only what is used; they stay enabled, as others in the project may use them too.
locals {
  services = toset(concat(
    [
      "artifactregistry.googleapis.com",
      "cloudbuild.googleapis.com",
      "cloudresourcemanager.googleapis.com",
      "monitoring.googleapis.com",
      "storage.googleapis.com",
    ],
    local.cluster.by_fleet ? ["connectgateway.googleapis.com", "gkehub.googleapis.com"] : [],
    var.hugging_face_secret == null ? [] : ["secretmanager.googleapis.com"],
  ))
}

resource "google_project_service" "needed" {
  for_each = local.services

  project            = var.project_id
  service            = each.value
  disable_on_destroy = false
}
