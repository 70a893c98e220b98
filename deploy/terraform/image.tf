# The image is built by Cloud Build whenever something changes that is in it: its tag is a digest of
# just those files, so that an apply without a change builds nothing, and no tag ever moves.
locals {
  root = abspath("${path.module}/../..")
  image_patterns = [
    "deploy/image/**",
    "src/**",
    "requirements/build.txt",
    "requirements/image.txt",
    "pyproject.toml",
    "setup.py",
    "README.md",
    "LICENSE",
  ]
  image_files = sort([
    for file in setunion([for pattern in local.image_patterns : fileset(local.root, pattern)]...) :
    file if !can(regex("(^|/)(__pycache__|[^/]*[.]egg-info)/|[.](pyc|so)$", file))
  ])
  image_digest = substr(sha256(join("\n", [
    for file in local.image_files : "${file} ${filesha256("${local.root}/${file}")}"
  ])), 0, 16)
  image_repository = "${var.artifact_registry}/inferswarm"
  image            = "${local.image_repository}:${local.image_digest}"

  # Of LOCATION-docker.pkg.dev/PROJECT/REPOSITORY; empty where it is another registry.
  registry          = try(regex("^(?P<location>[a-z0-9-]+)-docker[.]pkg[.]dev/(?P<project>[^/]+)/(?P<name>[^/]+)", var.artifact_registry), null)
  registry_location = try(local.registry.location, "")
}

resource "google_artifact_registry_repository" "image" {
  # checkov:skip=CKV_GCP_84: what is kept here is public source, built; a key of one's own would have to be made and paid first
  count = var.create_artifact_registry ? 1 : 0

  project       = local.registry.project
  location      = local.registry.location
  repository_id = local.registry.name
  description   = "Images of inferswarm."
  format        = "DOCKER"

  docker_config {
    immutable_tags = true
  }

  depends_on = [google_project_service.needed]
}

resource "terraform_data" "image" {
  triggers_replace = [local.image]

  provisioner "local-exec" {
    command = "sh '${path.module}/build-image.sh'"
    environment = {
      IMAGE   = local.image
      PROJECT = var.project_id
      ROOT    = local.root
    }
  }

  depends_on = [google_artifact_registry_repository.image, google_project_service.needed]
}
