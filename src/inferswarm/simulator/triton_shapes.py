"""The routes of Triton's models: those of the engine's backend, and that of the LLM API's."""

from typing import Any

from msgspec.structs import replace

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.simulator.generation import MAX_MODEL_LEN, Generation, Serving
from inferswarm.simulator.templates import TEXT
from inferswarm.simulator.triton import (
    TritonFormat,
    asked_of,
    blocks,
    one,
    times,
)

_LLM_API_MAX_TOKENS = 32


class Classic:
    """`ensemble` and `tensorrt_llm_bls`: log probabilities are zeros unless they are asked for."""

    def read(
        self, fields: dict[str, Any], options: SimulatorOptions, model: str
    ) -> Generation | str:
        """What the fields want, or why the model refuses them."""
        limit = one(fields["max_tokens"])
        if why := _unfit(limit):
            return why
        asked = asked_of(fields, options, model, limit, stream=bool(one(fields.get("stream"))))
        excluded = one(fields.get("exclude_input_in_output"))
        return replace(
            asked,
            echo=options.echo_prompt if excluded is None else not excluded,
            details=bool(one(fields.get("return_perf_metrics"))),
            include_usage=bool(one(fields.get("return_num_output_tokens"))),
        )

    def outputs(
        self, asked: Generation, tokens: int, finish: str, *, stream: bool
    ) -> dict[str, Any]:
        """A tensor of one element is written as that element."""
        del finish
        zeros: Any = [0.0] * tokens
        fields = {
            "cum_log_probs": 0.0,
            "model_name": asked.model,
            "model_version": "1",
            "output_log_probs": 0.0 if stream and tokens == 1 else zeros,
            "sequence_end": False,
            "sequence_id": 0,
            "sequence_start": False,
            "text_output": TEXT,
        }
        if asked.include_usage:
            # The engine counts a prompt that it repeats.
            echoed = asked.prompt_tokens if asked.echo and not stream else 0
            fields["num_input_tokens"] = asked.prompt_tokens
            fields["num_output_tokens"] = tokens + echoed
        return fields

    def perf(self, asked: Generation, serving: Serving) -> dict[str, Any]:
        """Numbers."""
        needed, reused = blocks(asked, serving)
        return {
            **times(serving),
            "acceptance_rate": 0.0,
            "kv_cache_alloc_new_blocks": needed - reused,
            "kv_cache_alloc_total_blocks": needed,
            "kv_cache_reused_blocks": reused,
            "total_accepted_draft_tokens": 0,
            "total_draft_tokens": 0,
        }


class LlmApi:
    """`tensorrt_llm`, whose inputs for sampling have names of their own."""

    def read(
        self, fields: dict[str, Any], options: SimulatorOptions, model: str
    ) -> Generation | str:
        """What the fields want, or why the model refuses them."""
        limit = one(fields.get("sampling_param_max_tokens", _LLM_API_MAX_TOKENS))
        if why := _unfit(limit):
            return why
        stream = bool(one(fields.get("streaming", fields.get("stream"))))
        asked = asked_of(fields, options, model, limit, stream=stream)
        excluded = one(fields.get("sampling_param_exclude_input_from_output"))
        return replace(
            asked,
            echo=options.echo_prompt if excluded is None else not excluded,
            details=bool(one(fields.get("sampling_param_return_perf_metrics"))),
            include_usage=bool(one(fields.get("return_finish_reason"))),
        )

    def outputs(
        self, asked: Generation, tokens: int, finish: str, *, stream: bool
    ) -> dict[str, Any]:
        """Little more than the text."""
        del tokens, stream
        fields = {"model_name": asked.model, "model_version": "1", "text_output": TEXT}
        return fields | ({"finish_reason": finish} if finish and asked.include_usage else {})

    def perf(self, asked: Generation, serving: Serving) -> dict[str, Any]:
        """Numbers as texts."""
        needed, reused = blocks(asked, serving)
        told = {
            **times(serving),
            "acceptance_rate": 0.0,
            "kv_cache_alloc_new_blocks": needed - reused,
            "kv_cache_alloc_total_blocks": needed,
            "kv_cache_hit_rate": reused / needed,
            "kv_cache_missed_block": needed - reused,
            "kv_cache_reused_block": reused,
            "total_accepted_draft_tokens": 0,
            "total_draft_tokens": 0,
        }
        return {name: str(value) for name, value in told.items()}


def _unfit(limit: int) -> str:
    """Why a model refuses such a length; empty when it does not."""
    if limit < 1:
        return "max_tokens must be at least 1"
    return f"max_tokens must be at most {MAX_MODEL_LEN}" if limit > MAX_MODEL_LEN else ""


GENERATE = TritonFormat(Classic(), events=False)
GENERATE_STREAM = TritonFormat(Classic(), events=True)
LLM_API = TritonFormat(LlmApi(), events=False)
LLM_API_STREAM = TritonFormat(LlmApi(), events=True)
