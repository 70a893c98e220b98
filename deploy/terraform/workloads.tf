# What runs in the cluster: the manifests of deploy/kubernetes, decoded; there is no second copy of them.
# Changed here are only names, the namespace, the image, replicas, accounts, the run's configuration and
# who reaches the runner.
locals {
  kubernetes = "${path.module}/../kubernetes"
  base       = var.templates_path == null ? "${local.kubernetes}/base" : pathexpand(var.templates_path)
  overlays   = concat(["gke"], var.service_exposure == "external" ? ["external"] : [])
  paths = merge(
    { for file in fileset(local.base, "*.yaml") : file => "${local.base}/${file}" },
    { for file in flatten([for overlay in local.overlays : [
      for file in fileset("${local.kubernetes}/overlays", "${overlay}/*.yaml") : file
    ]]) : file => "${local.kubernetes}/overlays/${file}" },
  )
  files = {
    for file, path in local.paths : file => yamldecode(
      replace(replace(file(path), "inferswarm:local", local.image), "huggingface-secret", local.token_secret)
    ) if basename(file) != "kustomization.yaml" && !endswith(file, ".patch.yaml")
  }

  account_names = {
    inferswarm        = var.ksa
    inferswarm-runner = var.locust_runner_kubernetes_service_account
  }
  new_accounts = var.create_service_accounts ? setsubtract(local.accounts, ["default"]) : []

  allowed       = flatten([for target in var.allowed_targets : ["--allow-target", target]])
  load_balancer = yamldecode(file("${local.kubernetes}/overlays/external/runner-service.patch.yaml"))
  # Over the manifest's own specification.
  specifications = {
    "worker-deployment.yaml" = { replicas = var.num_locust_workers }
    "runner-data.yaml"       = { resources = { requests = { storage = var.runner_storage } } }
    "runner-service.yaml" = merge(
      { for name, value in local.load_balancer.spec : name => value if var.service_exposure == "external" },
      { for ranges in [var.runner_allowed_ranges] : "loadBalancerSourceRanges" => ranges if var.service_exposure == "external" },
      { for ip in [var.runner_endpoint_ip] : "loadBalancerIP" => ip if ip != null },
    )
  }
  templates = {
    for file, object in local.files : file => merge(object.spec.template, {
      metadata = merge(object.spec.template.metadata, {
        annotations = merge(
          try(object.spec.template.metadata.annotations, {}),
          { for digest in try([local.read_digests[file]], []) : "inferswarm/configuration" => digest },
        )
      })
      spec = merge(
        object.spec.template.spec,
        { serviceAccountName = lookup(local.account_names, object.spec.template.spec.serviceAccountName, object.spec.template.spec.serviceAccountName) },
        { for containers in [object.spec.template.spec.containers] : "containers" => [
          for container in containers : merge(container, { args = concat(container.args, local.allowed) })
        ] if file == "master-deployment.yaml" && length(local.allowed) > 0 },
      )
    }) if object.kind == "Deployment"
  }
  objects = {
    for file, object in local.files : file => merge(
      object,
      { metadata = merge(object.metadata, { namespace = var.namespace }) },
      { for spec in try([object.spec], []) : "spec" => merge(
        spec,
        lookup(local.specifications, file, {}),
        { for template in try([local.templates[file]], []) : "template" => template },
      ) },
      { for data in [local.configuration] : "data" => data if file == local.configuration_file },
    ) if object.kind != "ServiceAccount"
  }
}

# A namespace that was absent once is ours from then on: this remembers it, because later it is there.
data "kubernetes_all_namespaces" "before" {}

resource "terraform_data" "namespace_was_absent" {
  for_each = toset([var.namespace])

  input = !contains(data.kubernetes_all_namespaces.before.namespaces, each.value)

  lifecycle {
    ignore_changes = [input]
  }
}

resource "kubernetes_manifest" "namespace" {
  for_each = { for name, absent in terraform_data.namespace_was_absent : name => name if absent.input }

  manifest = merge(local.namespace, { metadata = merge(local.namespace.metadata, { name = each.value }) })
}

locals {
  namespace = yamldecode(file("${local.kubernetes}/overlays/namespace/namespace.yaml"))
}

# The same kind of account for everybody that has none: it may do nothing in the cluster.
resource "kubernetes_manifest" "account" {
  for_each = local.new_accounts

  manifest = merge(local.files["service-account.yaml"], {
    metadata = merge(local.files["service-account.yaml"].metadata, {
      name      = each.value
      namespace = var.namespace
    })
  })

  depends_on = [kubernetes_manifest.namespace]
}

# Made up on the way to the cluster and kept nowhere else: not in the state, not in a plan.
resource "kubernetes_secret_v1" "tokens" {
  # checkov:skip=CKV_K8S_21: the namespace is the user's choice; "default" is what the variable always was
  metadata {
    name      = "inferswarm-tokens"
    namespace = var.namespace
    labels    = { "app.kubernetes.io/name" = "inferswarm" }
  }

  data_wo = {
    for name in ["worker", "service", "read", "run"] : name => sha256("${name} ${uuid()} ${uuid()}")
  }
  data_wo_revision = 1

  depends_on = [kubernetes_manifest.namespace]
}

# The Hugging Face token: in a Secret of the cluster by name, or from Secret Manager, past the state.
locals {
  token_secret = (
    var.hugging_face_secret != null ? "inferswarm-huggingface" : coalesce(var.k8s_hf_secret, var.huggingface_secret)
  )
}

ephemeral "google_secret_manager_secret_version" "huggingface" {
  count    = var.hugging_face_secret == null ? 0 : 1
  provider = google.secrets

  project = var.project_id
  secret  = var.hugging_face_secret
  version = var.hugging_face_secret_version

  depends_on = [google_project_service.needed]
}

resource "kubernetes_secret_v1" "huggingface" {
  # checkov:skip=CKV_K8S_21: the namespace is the user's choice; "default" is what the variable always was
  count = var.hugging_face_secret == null ? 0 : 1

  metadata {
    name      = local.token_secret
    namespace = var.namespace
    labels    = { "app.kubernetes.io/name" = "inferswarm" }
  }

  data_wo          = { HF_TOKEN = ephemeral.google_secret_manager_secret_version.huggingface[0].secret_data }
  data_wo_revision = tonumber(var.hugging_face_secret_version)

  depends_on = [kubernetes_manifest.namespace]
}

# Before the pods that are started anew to read it.
resource "kubernetes_manifest" "configuration" {
  manifest = local.objects[local.configuration_file]

  # What was edited in the cluster is set back; without this the apply would end with a conflict.
  field_manager {
    force_conflicts = true
  }

  depends_on = [kubernetes_manifest.namespace]
}

resource "kubernetes_manifest" "workload" {
  for_each = { for file, object in local.objects : file => object if file != local.configuration_file }

  manifest = each.value
  # What others change too: Autopilot rounds requests up and sets limits, `kubectl rollout restart`
  # leaves an annotation.
  computed_fields = [
    "metadata.annotations",
    "metadata.labels",
    "spec.template.metadata.annotations",
    "spec.template.spec.containers[0].resources",
  ]

  field_manager {
    force_conflicts = true
  }

  # Applied is only what has come up. A run that goes on may take its 15 minutes to end in order.
  timeouts {
    create = "20m"
    update = "20m"
    delete = "20m"
  }

  dynamic "wait" {
    for_each = each.value.kind == "Deployment" ? [true] : []
    content {
      rollout = true
    }
  }

  depends_on = [
    google_project_iam_member.metrics,
    google_storage_bucket_iam_member.prompts,
    google_storage_bucket_iam_member.results,
    kubernetes_manifest.account,
    kubernetes_manifest.configuration,
    kubernetes_manifest.namespace,
    kubernetes_secret_v1.huggingface,
    kubernetes_secret_v1.tokens,
    data.kubernetes_resources.accounts,
    terraform_data.image,
  ]
}
