# The usual of every run: the manifests' own, and over it what the variables say. This is the one place
# where variables about the load go; a run brings its own where it differs, without an apply.
locals {
  configuration_file = "config.yaml"

  usual = yamldecode(local.files[local.configuration_file].data["run.yaml"])
  target = {
    url     = var.inference_server_ip != "" ? "http://${var.inference_server_ip}" : strcontains(var.inference_server_service, "://") ? var.inference_server_service : "http://${var.inference_server_service}"
    backend = var.inference_server_framework
    model   = var.sax_model != "" ? var.sax_model : var.model
    # The best of several is known when all have ended, and SAX streams nothing.
    stream = var.best_of == 1 && var.inference_server_framework != "sax"
    api    = var.inference_server_framework != "jetstream" ? "" : var.request_type == "grpc" ? "grpc" : "generate"
  }
  prompts = {
    source      = var.gcs_path
    tokenizer   = var.tokenizer
    max_prompts = var.max_num_prompts
    max_tokens  = var.max_prompt_len
    # Usually 4: shorter ones are left out.
    min_tokens = min(4, var.max_prompt_len)
  }
  request = merge(
    { max_output_tokens = var.max_output_len },
    # One answer is what every server gives; some refuse to be asked for it.
    var.best_of > 1 ? { best_of = var.best_of } : {},
    var.use_beam_search ? { use_beam_search = true } : {},
  )
  run = merge(local.usual, {
    target    = merge(try(local.usual.target, {}), local.target)
    prompts   = merge(try(local.usual.prompts, {}), local.prompts)
    request   = merge(try(local.usual.request, {}), local.request)
    load      = merge(try(local.usual.load, {}), { grace = "${var.stop_timeout}s" })
    output    = merge(try(local.usual.output, {}), { upload = local.results_address })
    telemetry = merge(try(local.usual.telemetry, {}), { project = var.project_id })
  })

  configuration = merge(local.files[local.configuration_file].data, {
    "run.yaml" = yamlencode(local.run)
    DURATION   = tostring(var.test_duration)
    USERS      = tostring(var.test_users)
    RATE       = tostring(var.test_rate)
  })
  configuration_digest = substr(sha256(jsonencode(local.configuration)), 0, 16)
  # Pods read it when they start: another one starts anew those that read what is another. Workers are
  # told by the master.
  read_by = {
    "master-deployment.yaml" = ["run.yaml", "metrics.yaml"]
    "runner-deployment.yaml" = ["DURATION", "USERS", "RATE"]
  }
  read_digests = {
    for file, keys in local.read_by : file => substr(sha256(jsonencode([
      for key in keys : lookup(local.configuration, key, "")
    ])), 0, 16)
  }
}
