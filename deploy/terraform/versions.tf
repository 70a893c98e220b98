terraform {
  # Write-only arguments and ephemeral resources keep tokens out of the state.
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "6.50.0"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = "2.38.0"
    }
  }
}

provider "google" {
  project = var.project_id
}

# For what is read and never stored. Of its own, so that tests can put a mock in the other's place:
# Terraform's mocks know no ephemeral resources.
provider "google" {
  alias   = "secrets"
  project = var.project_id
}

# Its token stands in the state, where it is asked for: with a kubeconfig it is not.
data "google_client_config" "me" {
  count = local.cluster.by_fleet ? 1 : 0
}

# By the fleet's gateway with one's own token, or as kubectl does.
provider "kubernetes" {
  host           = local.cluster.host
  token          = one(data.google_client_config.me[*].access_token)
  config_path    = local.cluster.config_path
  config_context = local.cluster.config_context
}

locals {
  kubeconfig = var.credentials_config.kubeconfig
  cluster = {
    by_fleet       = var.credentials_config.fleet_host != null
    host           = var.credentials_config.fleet_host
    config_path    = local.kubeconfig == null ? null : pathexpand(local.kubeconfig.path)
    config_context = local.kubeconfig == null ? null : local.kubeconfig.context
  }
}
