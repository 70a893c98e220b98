# Where: the project, the cluster, the image.

variable "project_id" {
  description = "Required. Project of the cluster's workload identity, the image, the buckets and the dashboards."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be a project's id such as my-project-123, not its name or number: see `gcloud projects list`."
  }
}

variable "credentials_config" {
  description = "Required. How Terraform reaches the cluster: fleet_host (its URL at the Connect gateway), or kubeconfig with path and context."
  type = object({
    fleet_host = optional(string)
    kubeconfig = optional(object({
      path    = optional(string, "~/.kube/config")
      context = optional(string)
    }))
  })
  nullable = false

  validation {
    condition     = (var.credentials_config.fleet_host != null) != (var.credentials_config.kubeconfig != null)
    error_message = "credentials_config needs exactly one of fleet_host and kubeconfig: { fleet_host = \"https://connectgateway...\" } or { kubeconfig = { path = \"~/.kube/config\", context = \"...\" } }."
  }

  validation {
    condition     = var.credentials_config.fleet_host == null || can(regex("^https://[^/]+/", var.credentials_config.fleet_host))
    error_message = "credentials_config.fleet_host must be the gateway's URL: https://connectgateway.googleapis.com/v1/projects/NUMBER/locations/LOCATION/gkeMemberships/NAME (docs/gke.md says how to read it off)."
  }

  validation {
    condition     = try(fileexists(pathexpand(var.credentials_config.kubeconfig.path)), true)
    error_message = "credentials_config.kubeconfig.path is not a file: write it with `gcloud container clusters get-credentials CLUSTER --location LOCATION`, or correct the path."
  }
}

variable "namespace" {
  description = "Namespace of everything in the cluster; created when it is absent."
  type        = string
  nullable    = false
  default     = "default"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "namespace must be lower-case letters, digits and -, at most 63, as in inference-benchmark."
  }
}

variable "ksa" {
  description = "Kubernetes service account of master and workers: reads prompts, writes results."
  type        = string
  nullable    = false
  default     = "default"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", var.ksa))
    error_message = "ksa must be the name of a Kubernetes service account, without a namespace or project, as in benchmark-ksa."
  }
}

variable "locust_runner_kubernetes_service_account" {
  description = "Kubernetes service account of the runner: results and metrics."
  type        = string
  nullable    = false
  default     = "sample-runner-ksa"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", var.locust_runner_kubernetes_service_account))
    error_message = "locust_runner_kubernetes_service_account must be the name of a Kubernetes service account, without a namespace or project, as in sample-runner-ksa."
  }
}

variable "create_service_accounts" {
  description = "Create ksa and the runner's account; else they must be there."
  type        = bool
  nullable    = false
  default     = false
}

variable "artifact_registry" {
  description = "Required. Registry that the image is pushed to: LOCATION-docker.pkg.dev/PROJECT/REPOSITORY."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9.-]+(/[a-z0-9._:-]+)+$", var.artifact_registry))
    error_message = "artifact_registry must be a registry without https:// and without a slash at its end: us-central1-docker.pkg.dev/PROJECT/REPOSITORY."
  }

  validation {
    condition     = !var.create_artifact_registry || can(regex("^[a-z0-9-]+-docker[.]pkg[.]dev/[^/]+/[^/]+$", var.artifact_registry))
    error_message = "create_artifact_registry needs artifact_registry as LOCATION-docker.pkg.dev/PROJECT/REPOSITORY: location and name of what is created are read from it."
  }
}

variable "create_artifact_registry" {
  description = "Create the registry."
  type        = bool
  nullable    = false
  default     = false
}

variable "templates_path" {
  description = "Folder of manifests in place of deploy/kubernetes/base; null uses those."
  type        = string
  default     = null

  validation {
    condition     = var.templates_path == null || length(setsubtract(["config.yaml", "master-deployment.yaml", "worker-deployment.yaml", "runner-deployment.yaml", "runner-service.yaml", "service-account.yaml"], try(fileset(pathexpand(var.templates_path), "*.yaml"), []))) == 0
    error_message = "templates_path must be a folder with config.yaml, master-deployment.yaml, worker-deployment.yaml, runner-deployment.yaml, runner-service.yaml and service-account.yaml: copy deploy/kubernetes/base and change the copy."
  }
}

# What is loaded.

variable "inference_server_service" {
  description = "Required, or inference_server_ip. Service of the inference server: NAME[:PORT], or NAME.NAMESPACE[:PORT]."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = (var.inference_server_service == "") != (var.inference_server_ip == "")
    error_message = "Give exactly one of inference_server_service (a Service in the cluster, as in \"tgi:8080\") and inference_server_ip (an address, as in \"10.0.0.7:8080\")."
  }

  validation {
    condition     = var.inference_server_service == "" || (can(regex("^(https?://)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9][0-9]{0,4})?$", var.inference_server_service)) && try(tonumber(regex(":([0-9]+)$", var.inference_server_service)[0]), 80) <= 65535)
    error_message = "inference_server_service must be NAME[:PORT] or NAME.NAMESPACE[:PORT], without a path, as in \"tgi:8080\"."
  }
}

variable "inference_server_ip" {
  description = "Required, or inference_server_service. Address of the inference server: IP[:PORT]."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = var.inference_server_ip == "" || ((can(cidrhost("${regex("^([0-9.]+)(?::[1-9][0-9]{0,4})?$", var.inference_server_ip)[0]}/32", 0)) || can(cidrhost("${regex("^\\[([0-9a-fA-F:]+)\\](?::[1-9][0-9]{0,4})?$", var.inference_server_ip)[0]}/128", 0))) && try(tonumber(regex(":([0-9]+)$", var.inference_server_ip)[0]), 80) <= 65535)
    error_message = "inference_server_ip must be an IP address with or without a port: 10.0.0.7:8080, or [fd00::7]:8080. For a name use inference_server_service."
  }
}

variable "inference_server_framework" {
  description = "What the inference server is: vllm, tgi, tensorrt_llm_triton, sax, jetstream, sglang or openai."
  type        = string
  nullable    = false
  default     = "tgi"

  validation {
    condition     = contains(["vllm", "tgi", "tensorrt_llm_triton", "sax", "jetstream", "sglang", "openai"], var.inference_server_framework)
    error_message = "inference_server_framework must be one of vllm, tgi, tensorrt_llm_triton, sax, jetstream, sglang, openai (any server with OpenAI's routes)."
  }
}

variable "request_type" {
  description = "How jetstream is asked: http or grpc; the others are asked by http."
  type        = string
  nullable    = false
  default     = "http"

  validation {
    condition     = contains(["http", "grpc"], var.request_type)
    error_message = "request_type must be http or grpc."
  }

  validation {
    condition     = var.request_type != "grpc" || var.inference_server_framework == "jetstream"
    error_message = "request_type grpc is spoken with inference_server_framework jetstream only: leave request_type out."
  }
}

variable "model" {
  description = "Model name sent with each request; empty asks the server."
  type        = string
  nullable    = false
  default     = ""
}

variable "sax_model" {
  description = "The model's path in SAX; for framework sax only, which needs it."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = var.sax_model == "" || var.inference_server_framework == "sax"
    error_message = "sax_model is for inference_server_framework sax: use model, or leave it out."
  }

  validation {
    condition     = var.inference_server_framework != "sax" || (var.sax_model == "") != (var.model == "")
    error_message = "inference_server_framework sax needs sax_model, the model's path, as in /sax/test/llama (or model, but not both)."
  }
}

variable "allowed_targets" {
  description = "Servers that a run may bring in place of this one: HOST[:PORT], * for any part, as in *.models:8000."
  type        = list(string)
  nullable    = false
  default     = []

  validation {
    condition     = alltrue([for target in var.allowed_targets : can(regex("^[A-Za-z0-9*.-]+(:([0-9]{1,5}|[*]))?$", target))])
    error_message = "allowed_targets must be HOST[:PORT] without http:// and without a path, as in [\"tgi.models:8080\", \"*.models:8000\"]."
  }
}

# The usual of every run. A run brings its own where it differs, without an apply.

variable "gcs_path" {
  description = "Required. Prompts: gs://BUCKET/FILE, one prompt a line, or .jsonl, .csv, .parquet."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^gs://[a-z0-9][a-z0-9._-]+[a-z0-9]/.+[^/]$", var.gcs_path))
    error_message = "gcs_path must name a file in a bucket: gs://BUCKET/FILE, as in gs://my-prompts/sharegpt.txt."
  }
}

variable "prompts_project" {
  description = "Project of the prompts' bucket; empty is project_id."
  type        = string
  nullable    = false
  default     = ""
}

variable "create_prompts_bucket" {
  description = "Create the bucket of gcs_path, empty; the prompts are put there afterwards."
  type        = bool
  nullable    = false
  default     = false
}

variable "output_bucket" {
  description = "Required. Bucket for results: BUCKET, or gs://BUCKET/FOLDER."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(gs://)?[a-z0-9][a-z0-9._-]+[a-z0-9](/.*)?$", var.output_bucket))
    error_message = "output_bucket must be a bucket's name, or gs://BUCKET/FOLDER: lower-case letters, digits, - and _."
  }
}

variable "create_output_bucket" {
  description = "Create the bucket for results. A destroy deletes it only when it is empty."
  type        = bool
  nullable    = false
  default     = false
}

variable "buckets_location" {
  description = "Where created buckets are; empty is where the registry is, or US."
  type        = string
  nullable    = false
  default     = ""
}

variable "tokenizer" {
  description = "Tokenizer that measures prompts, a Hugging Face name; empty measures none."
  type        = string
  nullable    = false
  default     = "tiiuae/falcon-7b"
}

variable "max_num_prompts" {
  description = "Use at most this many prompts."
  type        = number
  nullable    = false
  default     = 1000

  validation {
    condition     = var.max_num_prompts >= 1 && var.max_num_prompts <= 1000000 && floor(var.max_num_prompts) == var.max_num_prompts
    error_message = "max_num_prompts must be a whole number from 1 to 1000000."
  }
}

variable "max_prompt_len" {
  description = "Leave out prompts of more tokens than this."
  type        = number
  nullable    = false
  default     = 1024

  validation {
    condition     = var.max_prompt_len >= 1 && floor(var.max_prompt_len) == var.max_prompt_len
    error_message = "max_prompt_len must be a whole number of tokens above 0: longer prompts are left out, so 0 would leave none."
  }
}

variable "max_output_len" {
  description = "Upper bound of an answer's length in tokens."
  type        = number
  nullable    = false
  default     = 1024

  validation {
    condition     = var.max_output_len >= 1 && floor(var.max_output_len) == var.max_output_len
    error_message = "max_output_len must be a whole number of tokens above 0."
  }
}

variable "best_of" {
  description = "Answers that the server makes to return the best; with beam search, its width. Above 1 answers are not streamed."
  type        = number
  nullable    = false
  default     = 1

  validation {
    condition     = var.best_of >= 1 && floor(var.best_of) == var.best_of
    error_message = "best_of must be a whole number above 0; 1 asks for one answer."
  }

  validation {
    condition     = var.best_of <= 1 || contains(["vllm", "tgi", "openai"], var.inference_server_framework) || (var.inference_server_framework == "tensorrt_llm_triton" && var.use_beam_search)
    error_message = "best_of above 1 is known to vllm, tgi and openai, and to tensorrt_llm_triton as the width of use_beam_search: leave it out."
  }

  validation {
    condition     = !var.use_beam_search || var.best_of >= 2
    error_message = "use_beam_search needs best_of, the beam's width: 2 or more."
  }
}

variable "use_beam_search" {
  description = "Beam search of width best_of: vllm and tensorrt_llm_triton."
  type        = bool
  nullable    = false
  default     = false

  validation {
    condition     = !var.use_beam_search || contains(["vllm", "tensorrt_llm_triton"], var.inference_server_framework)
    error_message = "use_beam_search is known to vllm and tensorrt_llm_triton: leave it out."
  }
}

variable "stop_timeout" {
  description = "Seconds that answers under way may take to end when the load ends; 0 cuts them off, and they count as cancelled."
  type        = number
  nullable    = false
  default     = 0

  validation {
    condition     = var.stop_timeout >= 0
    error_message = "stop_timeout must be 0 or more seconds: how long answers under way may take when the load ends."
  }
}

variable "test_duration" {
  description = "Seconds of a run that does not say: GET /run without duration."
  type        = number
  nullable    = false
  default     = 120

  validation {
    condition     = var.test_duration >= 1 && var.test_duration <= 604800 && floor(var.test_duration) == var.test_duration
    error_message = "test_duration must be a whole number of seconds from 1 to 604800 (a week)."
  }
}

variable "test_users" {
  description = "Users of a run that does not say: GET /run without users."
  type        = number
  nullable    = false
  default     = 1

  validation {
    condition     = var.test_users >= 1 && var.test_users <= 1000000 && floor(var.test_users) == var.test_users
    error_message = "test_users must be a whole number from 1 to 1000000."
  }
}

variable "test_rate" {
  description = "Users started per second of a run that does not say: GET /run without rate."
  type        = number
  nullable    = false
  default     = 5

  validation {
    condition     = var.test_rate > 0 && var.test_rate <= 10000
    error_message = "test_rate must be above 0 and at most 10000 users per second."
  }
}

variable "run_test_automatically" {
  description = "Run once after each apply that changes the image or the usual of runs, by a Job in the cluster."
  type        = bool
  nullable    = false
  default     = false
}

# Secrets, by name.

variable "huggingface_secret" {
  description = "Secret in the namespace with a Hugging Face token under the key token or HF_TOKEN; pods start without it."
  type        = string
  nullable    = false
  default     = "huggingface-secret"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", var.huggingface_secret))
    error_message = "huggingface_secret must be the name of a Secret in the namespace, not the token itself: make it with `kubectl create secret generic huggingface-secret --from-literal=HF_TOKEN=...`."
  }
}

variable "k8s_hf_secret" {
  description = "The older name of huggingface_secret."
  type        = string
  default     = null

  validation {
    condition     = var.huggingface_secret == "huggingface-secret" || try(coalesce(var.k8s_hf_secret, var.huggingface_secret) == var.huggingface_secret, true)
    error_message = "k8s_hf_secret and huggingface_secret name two different Secrets: give one of them."
  }
}

variable "hugging_face_secret" {
  description = "Instead of a Secret in the cluster: the id of a secret in Secret Manager that holds the token."
  type        = string
  default     = null

  validation {
    condition     = (var.hugging_face_secret == null) == (var.hugging_face_secret_version == null)
    error_message = "hugging_face_secret and hugging_face_secret_version go together: the secret's id in Secret Manager and its version's number; leave both out for a Secret in the cluster."
  }

  validation {
    condition     = var.hugging_face_secret == null || (var.k8s_hf_secret == null && var.huggingface_secret == "huggingface-secret")
    error_message = "The token comes from one place: give hugging_face_secret (Secret Manager), or huggingface_secret or k8s_hf_secret (a Secret in the cluster), not both."
  }
}

variable "hugging_face_secret_version" {
  description = "Number of the version in Secret Manager."
  type        = string
  default     = null

  validation {
    condition     = var.hugging_face_secret_version == null || can(regex("^[1-9][0-9]{0,8}$", var.hugging_face_secret_version))
    error_message = "hugging_face_secret_version must be a version's number, as in \"1\": with \"latest\" Terraform would not see that the token changed. See `gcloud secrets versions list SECRET`."
  }
}

# How big, and who reaches it.

variable "num_locust_workers" {
  description = "Worker pods; each uses one core."
  type        = number
  nullable    = false
  default     = 1

  validation {
    condition     = var.num_locust_workers >= 1 && var.num_locust_workers <= 1000 && floor(var.num_locust_workers) == var.num_locust_workers
    error_message = "num_locust_workers must be a whole number from 1 to 1000."
  }
}

variable "runner_storage" {
  description = "Size of the runner's disk, which holds the list of all runs; it can grow, not shrink."
  type        = string
  nullable    = false
  default     = "1Gi"

  validation {
    condition     = can(regex("^[1-9][0-9]{0,2}Gi$", var.runner_storage))
    error_message = "runner_storage must be a size from 1Gi to 999Gi."
  }
}

variable "service_exposure" {
  description = "internal: the runner answers inside the cluster; external: a load balancer on the internet too."
  type        = string
  nullable    = false
  default     = "internal"

  validation {
    condition     = contains(["internal", "external"], var.service_exposure)
    error_message = "service_exposure must be internal or external."
  }
}

variable "runner_endpoint_ip" {
  description = "Address that the external load balancer takes, reserved beforehand; null takes any."
  type        = string
  default     = null

  validation {
    condition     = var.runner_endpoint_ip == null || var.service_exposure == "external"
    error_message = "runner_endpoint_ip is the load balancer's address: it needs service_exposure = \"external\"; leave it out to stay inside the cluster."
  }

  validation {
    condition     = var.runner_endpoint_ip == null || can(cidrhost("${var.runner_endpoint_ip}/32", 0))
    error_message = "runner_endpoint_ip must be an IPv4 address: reserve one with `gcloud compute addresses create NAME --region REGION`."
  }
}

variable "runner_allowed_ranges" {
  description = "Networks that reach the external load balancer; service_exposure external needs at least one."
  type        = list(string)
  nullable    = false
  default     = []

  validation {
    condition     = alltrue([for range in var.runner_allowed_ranges : can(cidrhost(range, 0))])
    error_message = "runner_allowed_ranges must be networks such as 203.0.113.0/24; one address is 203.0.113.7/32."
  }

  validation {
    condition     = var.service_exposure != "external" || length(var.runner_allowed_ranges) > 0
    error_message = "service_exposure external needs runner_allowed_ranges, the networks that may reach the runner, as in [\"203.0.113.7/32\"]; [\"0.0.0.0/0\"] lets the whole internet try the token."
  }
}
