"""Triton's errors and plain routes; its heads tell neither date nor server."""

import re
from typing import Any
from urllib.parse import unquote

import msgspec

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.generation import Reply, Request
from inferswarm.simulator.heads import EVHTP, Headers

CLASSIC = ("ensemble", "tensorrt_llm_bls")
LLM_API = "tensorrt_llm"
JSON: Headers = (("Content-Type", "application/json"),)
EVENT_STREAM: Headers = (("Content-Type", "text/event-stream; charset=utf-8"),)
_EXTENSIONS = (
    "classification sequence model_repository model_repository(unload_dependents) schedule_policy "
    "model_configuration system_shared_memory cuda_shared_memory binary_tensor_data parameters "
    "statistics trace logging"
)
_MODEL_PATH = re.compile(r"/v2/models/([^/]+)(/|$)")


def json_reply(status: int, payload: object) -> Reply:
    """A JSON answer that no model made."""
    body = msgspec.json.encode(payload)
    return Reply(status, (*JSON, ("Content-Length", str(len(body)))), body, EVHTP)


def error(status: int, message: str) -> Reply:
    """An error before inference."""
    return json_reply(status, {"error": message})


def _text(status: int, body: bytes, more: Headers = ()) -> Reply:
    headers = (("Content-Length", str(len(body))), ("Content-Type", "text/plain"), *more)
    return Reply(status, headers, body, EVHTP)


def not_found(path: str) -> Reply:
    """The answer to an unknown path, or to one of an unknown model."""
    if found := _MODEL_PATH.match(path):
        return error(404, f"Request for unknown model: '{unquote(found[1])}' is not found")
    return _text(404, b'{"error":"Not Found"}')


def method_not_allowed(allowed: str) -> Reply:
    """The answer to a known path asked with another method."""
    return _text(405, b'{"error":"Method Not Allowed"}', (("Allow", allowed),))


def unauthorized() -> Reply:
    """Triton knows no keys; a proxy before it would say so."""
    return error(401, "Unauthorized")


def ready(_: SimulatorOptions, __: Request) -> Reply:
    """200 without a body."""
    return _text(200, b"")


def served(options: SimulatorOptions) -> tuple[str, ...]:
    """Names of all models."""
    return tuple(dict.fromkeys((*CLASSIC, LLM_API, options.model)))


def index(options: SimulatorOptions, _: Request) -> Reply:
    """`POST /v2/repository/index`."""
    models = [{"name": name, "version": "1", "state": "READY"} for name in served(options)]
    return json_reply(200, models)


def server_metadata(_: SimulatorOptions, __: Request) -> Reply:
    """`GET /v2`."""
    metadata = {"name": "triton", "version": "2.51.0", "extensions": _EXTENSIONS.split()}
    return json_reply(200, metadata)


def inputs_of(model: str) -> dict[str, tuple[str, bool]]:
    """Inputs of a model by name: the data type, and whether it must be given."""
    if model == LLM_API:
        return {
            "text_input": ("BYTES", True),
            "streaming": ("BOOL", False),
            "return_finish_reason": ("BOOL", False),
            "sampling_param_max_tokens": ("INT32", False),
            "sampling_param_temperature": ("FP32", False),
            "sampling_param_top_p": ("FP32", False),
            "sampling_param_top_k": ("INT32", False),
            "sampling_param_exclude_input_from_output": ("BOOL", False),
            "sampling_param_return_perf_metrics": ("BOOL", False),
        }
    optional = {
        **dict.fromkeys(("bad_words", "stop_words"), "BYTES"),
        **dict.fromkeys(("end_id", "pad_id", "top_k"), "INT32"),
        **dict.fromkeys(("top_p", "temperature", "length_penalty", "repetition_penalty"), "FP32"),
        "min_length": "INT32",
        **dict.fromkeys(("presence_penalty", "frequency_penalty"), "FP32"),
        "random_seed": "UINT64",
        "return_log_probs": "BOOL",
        "beam_width": "INT32",
        "stream": "BOOL",
    }
    required = {"text_input": ("BYTES", True), "max_tokens": ("INT32", True)}
    return required | {name: (kind, False) for name, kind in optional.items()}


def model_of(request: Request) -> str:
    """The model that a path names."""
    return unquote(request.path.split("/")[3])


def model_metadata(_: SimulatorOptions, request: Request) -> Reply:
    """`GET /v2/models/{model}`."""
    name = model_of(request)
    inputs = [
        {"name": one, "datatype": kind, "shape": [-1, 1]}
        for one, (kind, _) in inputs_of(name).items()
    ]
    outputs = [{"name": "text_output", "datatype": "BYTES", "shape": [-1, -1]}]
    return json_reply(
        200,
        {
            "name": name,
            "versions": ["1"],
            "platform": "ensemble" if name == "ensemble" else "python",
            "inputs": inputs,
            "outputs": outputs,
        },
    )


def model_config(_: SimulatorOptions, request: Request) -> Reply:
    """`GET /v2/models/{model}/config`, its main fields."""
    name = model_of(request)
    inputs = [_config_input(*one) for one in inputs_of(name).items()]
    output: dict[str, Any] = {"name": "text_output", "data_type": "TYPE_STRING", "dims": [-1]}
    return json_reply(
        200,
        {
            "name": name,
            "platform": "ensemble" if name == "ensemble" else "",
            "backend": "" if name == "ensemble" else "python",
            "runtime": "",
            "version_policy": {"latest": {"num_versions": 1}},
            "max_batch_size": 64,
            "input": inputs,
            "output": [output],
            "model_transaction_policy": {"decoupled": True},
        },
    )


def _config_input(name: str, declared: tuple[str, bool]) -> dict[str, Any]:
    kind, required = declared
    data_type = "TYPE_STRING" if kind == "BYTES" else f"TYPE_{kind}"
    return {"name": name, "data_type": data_type, "dims": [1], "optional": not required}
