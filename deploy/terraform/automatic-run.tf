# run_test_automatically: a Job that asks the runner once. Its name says which image and configuration,
# so that the same ones are run once and others anew.
locals {
  automatic_run = "inferswarm-automatic-run-${substr(sha256("${local.image} ${local.configuration_digest}"), 0, 8)}"
  labels = {
    "app.kubernetes.io/name"      = "inferswarm"
    "app.kubernetes.io/component" = "automatic-run"
    "app.kubernetes.io/part-of"   = "inferswarm"
  }
  exceptions = {
    "checkov.io/skip1" = "CKV_K8S_15=a tag is a digest of the content and never moves: once pulled it is the same"
    "checkov.io/skip2" = "CKV_K8S_35=a token in a variable, as the other pods have it: it is for one call"
    "checkov.io/skip3" = "CKV_K8S_43=the tag is a digest of the content; the registry's own is known after the build only"
  }
}

# It asks the runner and nobody else.
resource "kubernetes_manifest" "automatic_run_network" {
  count = var.run_test_automatically ? 1 : 0

  manifest = {
    apiVersion = "networking.k8s.io/v1"
    kind       = "NetworkPolicy"
    metadata   = { name = "inferswarm-automatic-run", namespace = var.namespace, labels = local.labels }
    spec = {
      podSelector = { matchLabels = local.labels }
      policyTypes = ["Ingress", "Egress"]
      egress = [{
        to = [{ podSelector = { matchLabels = {
          "app.kubernetes.io/name"      = "inferswarm"
          "app.kubernetes.io/component" = "runner"
        } } }]
        ports = [{ protocol = "TCP", port = 8000 }]
      }]
    }
  }

  depends_on = [kubernetes_manifest.namespace]
}

resource "kubernetes_manifest" "automatic_run" {
  count = var.run_test_automatically ? 1 : 0

  manifest = {
    apiVersion = "batch/v1"
    kind       = "Job"
    metadata = {
      name        = local.automatic_run
      namespace   = var.namespace
      labels      = local.labels
      annotations = local.exceptions
    }
    spec = {
      backoffLimit          = 3
      activeDeadlineSeconds = 900
      template = {
        metadata = { labels = local.labels, annotations = local.exceptions }
        spec = {
          restartPolicy                = "Never"
          automountServiceAccountToken = false
          enableServiceLinks           = false
          securityContext = {
            runAsNonRoot   = true
            runAsUser      = 10001
            seccompProfile = { type = "RuntimeDefault" }
          }
          containers = [{
            name    = "ask"
            image   = local.image
            command = ["python", "-IS", "-c", file("${path.module}/automatic_run.py")]
            env = [
              { name = "RUNNER", value = "http://locust-runner-api:8000" },
              { name = "KEY", value = local.automatic_run },
              { name = "LOAD", value = jsonencode({
                duration   = "${var.test_duration}s"
                users      = var.test_users
                spawn_rate = "${var.test_rate}/s"
              }) },
              { name = "TOKEN", valueFrom = { secretKeyRef = { name = "inferswarm-tokens", key = "run" } } },
            ]
            resources = {
              requests = { cpu = "100m", memory = "64Mi" }
              limits   = { cpu = "1", memory = "64Mi" }
            }
            securityContext = {
              allowPrivilegeEscalation = false
              readOnlyRootFilesystem   = true
              capabilities             = { drop = ["ALL"] }
            }
          }]
        }
      }
    }
  }
  computed_fields = [
    "metadata.annotations",
    "metadata.labels",
    "spec.template.metadata.annotations",
    "spec.template.metadata.labels",
    "spec.template.spec.containers[0].resources",
  ]

  depends_on = [kubernetes_manifest.automatic_run_network, kubernetes_manifest.workload]
}
