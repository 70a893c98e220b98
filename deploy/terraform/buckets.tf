# Prompts and results. A bucket that is not made here must be there: a run that finds out late that its
# results have no place is lost. Listing does not fail for one that is missing, so the message is ours.
locals {
  prompts_bucket  = regex("^gs://([^/]+)", var.gcs_path)[0]
  results_address = startswith(var.output_bucket, "gs://") ? trimsuffix(var.output_bucket, "/") : "gs://${trimsuffix(var.output_bucket, "/")}"
  results_bucket  = regex("^gs://([^/]+)", local.results_address)[0]
  prompts_project = coalesce(var.prompts_project, var.project_id)

  # The continents of registries are us, europe and asia, those of buckets US, EU and ASIA.
  registry_continent = local.registry_location == "europe" ? "EU" : local.registry_location
  buckets_location   = upper(coalesce(var.buckets_location, local.registry_continent, "US"))
  created_buckets = toset(concat(
    var.create_prompts_bucket ? [local.prompts_bucket] : [],
    var.create_output_bucket ? [local.results_bucket] : [],
  ))
}

data "google_storage_buckets" "prompts" {
  count = contains(local.created_buckets, local.prompts_bucket) ? 0 : 1

  project = local.prompts_project
  prefix  = local.prompts_bucket

  lifecycle {
    postcondition {
      condition     = contains(self.buckets[*].name, local.prompts_bucket)
      error_message = "The bucket ${local.prompts_bucket} of gcs_path is not in project ${local.prompts_project}: correct gcs_path, name its project (prompts_project), make it (gcloud storage buckets create gs://${local.prompts_bucket}), or set create_prompts_bucket = true."
    }
  }
}

data "google_storage_buckets" "results" {
  count = contains(local.created_buckets, local.results_bucket) ? 0 : 1

  project = var.project_id
  prefix  = local.results_bucket

  lifecycle {
    postcondition {
      condition     = contains(self.buckets[*].name, local.results_bucket)
      error_message = "output_bucket ${local.results_bucket} is not in project ${var.project_id}: correct it, make it (gcloud storage buckets create gs://${local.results_bucket}), or set create_output_bucket = true."
    }
  }
}

resource "google_storage_bucket" "created" {
  # checkov:skip=CKV_GCP_62: a log of accesses needs a bucket of its own; Cloud Audit Logs tell who read what
  # checkov:skip=CKV_GCP_78: runs have names of their own and are never overwritten, so versions would only cost
  for_each = local.created_buckets

  project                     = var.project_id
  name                        = each.value
  location                    = local.buckets_location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  # Results are what all this was for: a destroy does not take them along.
  force_destroy = false

  depends_on = [google_project_service.needed]
}
